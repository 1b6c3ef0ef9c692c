//! System calls that a filter refuses: the crate finds another way, or says no.
//!
//! The filters are what containers and sandboxes install. A filter that is there
//! before the program starts is put into a child between fork and exec; one that
//! comes later is installed by the running process for all its threads.
//!
//! # Safety
//!
//! Installs filters of system calls in this process's children, and asks for what
//! they refuse.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;

use std::io;
use std::os::unix::process::CommandExt;

use common::filter::{Call, MEMBARRIER, call, filter, install};
use percpu_core::atomic::AtomicU64;
use percpu_core::{Error, LocalLock, PerCpu, PerCpuRef, Ref, RefError, Unit, fence, info, percpu};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(3);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
}

const RSEQ: Call = call("rseq", libc::SYS_rseq);
const CALLS: [Call; 6] = [
    RSEQ,
    MEMBARRIER,
    call("mbind", libc::SYS_mbind),
    call("set_mempolicy", libc::SYS_set_mempolicy),
    call("madvise", libc::SYS_madvise),
    // What names mappings.
    Call { name: "prctl", number: libc::SYS_prctl, arguments: &[(0, libc::PR_SET_VMA as u32)] },
];

/// As `common::child`, under a filter from its first instruction on.
fn masked_child(test: &str, env: &[(&str, &str)], calls: &[Call], errno: i32) -> Vec<String> {
    let program = filter(calls, errno);
    common::child(test, env, |command| {
        // SAFETY: two system calls between fork and exec.
        unsafe { command.pre_exec(move || install(&program)) };
    })
}

/// Counters, locks, memory, statics: exact, with threads that come and go.
fn suite(threads: u64) {
    const EACH: u64 = 5_000;
    let units = Unit::all().unwrap().count() as u64;
    let before = WORD.sum() - 3 * units;
    let dynamic = PerCpu::<AtomicU64>::zeroed().unwrap();
    let locks = PerCpu::new_with(|_| LocalLock::new(0_u64)).unwrap();
    let work = || {
        for n in 0..EACH {
            WORD.inc();
            dynamic.add(n);
            locks.with(|value| *value += 1);
            if n % 100 == 0 {
                let large = PerCpu::<[AtomicU64; 4096]>::zeroed().unwrap();
                large.at(4095).inc();
                assert_eq!(large.at(4095).sum(), 1);
            }
        }
    };
    work();
    for _ in 0..2 {
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    }
    let times = 1 + 2 * threads;
    assert_eq!(WORD.sum(), 3 * units + before + times * EACH);
    assert_eq!(dynamic.sum(), times * (EACH * (EACH - 1) / 2));
    // A copy at a time, from here if this thread can go there.
    let locked: u64 = locks.iter().map(|(unit, _)| locks.lock_on(unit).map_or(0, |n| *n)).sum();
    if fence::all().is_ok() {
        assert_eq!(locked, times * EACH);
    }
    let values = PerCpu::new_with(|unit| unit.to_string()).unwrap();
    assert!(values.iter().all(|(unit, text)| *text.get() == unit.to_string()));
}

const GLIBC: (&str, &[(&str, &str)]) = ("libc registers", &[]);
const OWN: (&str, &[(&str, &str)]) = ("we register", &[("GLIBC_TUNABLES", "glibc.pthread.rseq=0")]);

/// Whether the environment asks for one mode: then there is nothing to choose.
fn asked() -> bool {
    ["GLIBC_TUNABLES", "PERCPU_MODE"].iter().any(|name| std::env::var_os(name).is_some())
}

#[test]
fn calls_masked_before_the_start_lead_to_another_way() {
    let name = "calls_masked_before_the_start_lead_to_another_way";
    if std::env::var_os("PERCPU_TEST_CHILD").is_some() {
        suite(4);
        assert_eq!(fence::all(), Ok(()));
        return println!("{}", info().unwrap().mode());
    }
    for (registration, env) in [GLIBC, OWN] {
        if asked() {
            return;
        }
        let usual = common::child(name, env, |_| ());
        for errno in [libc::EPERM, libc::ENOSYS] {
            for masked in CALLS.iter().map(std::slice::from_ref).chain([&CALLS[..]]) {
                let names: Vec<_> = masked.iter().map(|call| call.name).collect();
                let mode = masked_child(name, env, masked, errno);
                println!("{registration}, {names:?} masked with {errno}: {}", mode[0]);
                let wanted = match usual[0].starts_with("rseq") {
                    true if names.contains(&"rseq") => {
                        format!("portable (the kernel refused to register a thread, error {errno})")
                    }
                    true if names.contains(&"membarrier") => {
                        format!("portable (the kernel has no rseq membarrier, error {errno})")
                    }
                    _ => usual[0].clone(),
                };
                assert_eq!(mode, [wanted], "{registration}, {names:?} masked with {errno}");
            }
        }
    }
}

#[test]
fn the_filter_refuses_what_it_names_and_nothing_else() {
    common::in_child("the_filter_refuses_what_it_names_and_nothing_else", &[], || {
        // SAFETY: asks what there is.
        let query = || unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) };
        // SAFETY: asks for this thread's name's address, or sets nothing.
        let other = || unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) };
        let (queried, dumpable) = (query(), other());
        install(&filter(&CALLS, libc::EXDEV)).unwrap();
        assert_eq!(query(), -1);
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EXDEV));
        assert_eq!(other(), dumpable);
        println!("membarrier said {queried} before");
    });
}

/// With membarrier masked after the start sections go on, and are exact; what
/// needs a fence is refused, and nothing proceeds without it.
#[test]
fn membarrier_masked_after_the_start_refuses_fences_only() {
    common::in_each_mode("membarrier_masked_after_the_start_refuses_fences_only", || {
        suite(2);
        let rseq = info().unwrap().mode().is_rseq();
        let unit = Unit::current().unwrap();
        let guard = LOCK.lock_on(unit).unwrap();
        install(&filter(&[MEMBARRIER], libc::EPERM)).unwrap();
        // Held from before: let go of as ever.
        drop(guard);
        if !rseq {
            assert_eq!(fence::all(), Ok(()));
            return suite(4);
        }
        let refused = Error::FenceRefused { errno: libc::EPERM };
        assert_eq!(fence::all(), Err(refused.clone()));
        assert_eq!(fence::unit(unit), Err(refused.clone()));
        for unit in Unit::all().unwrap().filter(|unit| !unit.is_shared()) {
            assert_eq!(LOCK.lock_on(unit).map(drop), Err(refused.clone()));
        }
        // The refused ones left no stop behind, and do not disturb holders.
        let done = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        LOCK.with(|n| {
                            let seen = *n;
                            std::hint::black_box(&seen);
                            *n = seen + 1;
                        });
                    }
                    done.fetch_add(1, std::sync::atomic::Ordering::Release);
                });
            }
            while done.load(std::sync::atomic::Ordering::Acquire) < 3 {
                assert_eq!(LOCK.lock_on(unit).map(drop), Err(refused.clone()));
                std::thread::yield_now();
            }
        });
        // Waiting without a fence is polling: slower, and nobody is forgotten.
        // (By concurrency id this thread cannot choose the unit that it looks at.)
        let total: u64 = on_each_cpu(|| *LOCK.lock());
        assert!(!common::by_cpu() || total == 60_000, "{total}");
        suite(4);
    });
}

/// The sum of what `body` says on each CPU that this process may use.
fn on_each_cpu(body: impl Fn() -> u64) -> u64 {
    let cpus = common::allowed();
    let bits = (0..64).map(|cpu| 1 << cpu).filter(|bit| cpus & bit != 0);
    let sum = bits.map(|bit| (common::set_affinity(bit), body()).1).sum();
    common::set_affinity(cpus);
    sum
}

/// Registration masked after the start. Under libc's, this thread goes on (and
/// glibc ends a program whose new threads cannot be registered, so it makes
/// none). Under ours, new threads work on the shared unit.
#[test]
fn rseq_masked_after_the_start_changes_nothing_for_registered_threads() {
    let name = "rseq_masked_after_the_start_changes_nothing_for_registered_threads";
    common::in_each_mode(name, || {
        suite(2);
        let mode = info().unwrap().mode();
        let before = Unit::current().unwrap().is_shared();
        install(&filter(&[RSEQ], libc::EPERM)).unwrap();
        let own = std::env::var_os("GLIBC_TUNABLES").is_some();
        suite(if own { 4 } else { 0 });
        assert_eq!(info().unwrap().mode(), mode);
        assert_eq!(Unit::current().unwrap().is_shared(), before);
        assert_eq!(fence::all(), Ok(()));
        if own && mode.is_rseq() {
            let there = std::thread::spawn(|| Unit::current().unwrap().is_shared());
            assert!(there.join().unwrap(), "a thread that could not register");
        }
    });
}

#[test]
fn memory_calls_masked_after_the_start_are_done_without() {
    common::in_each_mode("memory_calls_masked_after_the_start_are_done_without", || {
        suite(2);
        install(&filter(&CALLS[2..], libc::ENOSYS)).unwrap();
        let chunks = info().unwrap().chunks();
        let many: Vec<_> = (0..200).map(|_| PerCpu::<[u8; 32 << 10]>::zeroed().unwrap()).collect();
        assert!(info().unwrap().chunks() > chunks);
        drop(many);
        suite(4);
    });
}

/// A reference count that cannot be switched stays as it is, and exact; an owner
/// that cannot kill leaks its object under the references to it.
#[test]
fn reference_counts_live_on_when_the_fence_is_refused() {
    common::in_each_mode("reference_counts_live_on_when_the_fence_is_refused", || {
        let dropped = std::sync::Arc::new(());
        let owner = PerCpuRef::new(std::sync::Arc::clone(&dropped)).unwrap();
        let one = owner.get();
        install(&filter(&[MEMBARRIER], libc::EPERM)).unwrap();
        let refused = RefError::Fence(Error::FenceRefused { errno: libc::EPERM });
        if fence::all().is_ok() {
            owner.kill().unwrap();
            drop(one);
            return assert_eq!(std::sync::Arc::strong_count(&dropped), 1);
        }
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..20_000).for_each(|_| drop(Ref::clone(&one))));
            }
            for _ in 0..200 {
                let confirm = || panic!("confirmed without a fence");
                assert_eq!(owner.kill_and_confirm(confirm), Err(refused.clone()));
                assert_eq!(owner.switch_to_atomic_sync(), Err(refused.clone()));
            }
        });
        assert!(owner.is_percpu() && !owner.is_dying() && owner.try_get_live().is_some());
        assert_eq!(owner.count(), 2, "nothing was lost");
        drop(owner);
        let other = Ref::clone(&one);
        drop(one);
        assert_eq!(std::sync::Arc::strong_count(&other), 2);
        drop(other);
        assert_eq!(std::sync::Arc::strong_count(&dropped), 2, "leaked, not freed");
        assert!(PerCpuRef::builder().init_atomic().build(()).is_err());
    });
}
/// A writer that gets no fence cannot know that nobody is in: it waits, or is told
/// that somebody may be, and readers go on.
#[cfg(feature = "lock_api")]
#[test]
fn a_refused_fence_keeps_writers_out_and_lets_readers_in() {
    use percpu_core::PerCpuRwLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    common::in_each_mode("a_refused_fence_keeps_writers_out_and_lets_readers_in", || {
        let lock = PerCpuRwLock::new(0).unwrap();
        let written = PerCpuRwLock::new(0).unwrap();
        *written.write() += 1;
        install(&filter(&[MEMBARRIER], libc::EPERM)).unwrap();
        // No reader has opened it since: no fence is needed.
        *written.write() += 1;
        assert_eq!(*written.read(), 2);
        if !info().unwrap().mode().is_rseq() {
            *lock.write() += 1;
            return assert_eq!(lock.into_inner(), 1);
        }
        assert!(lock.try_write().is_none());
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let ends = common::Over(&over);
            let readers = [(); 3].map(|()| {
                scope.spawn(|| {
                    let mut reads = 0_u64;
                    while !over.load(Ordering::Acquire) || reads == 0 {
                        assert_eq!(*lock.read(), 0);
                        reads += 1;
                    }
                    reads
                })
            });
            assert!(lock.try_write_for(Duration::from_millis(50)).is_none());
            drop(ends);
            let reads = readers.map(|reader| reader.join().unwrap());
            println!("{reads:?} reads beside a writer that never came in");
        });
        assert!(!lock.is_locked(), "who gave up left nothing behind");
    });
}

/// Where there is no per-CPU memory at all a lock for statics works all the same.
#[cfg(feature = "lock_api")]
#[test]
fn a_lock_without_words_counts_its_readers_in_one() {
    use percpu_core::PerCpuRwLock;
    static LOCK: PerCpuRwLock<u64> = PerCpuRwLock::const_new(0);
    let name = "a_lock_without_words_counts_its_readers_in_one";
    if std::env::var_os("PERCPU_TEST_CHILD").is_none() {
        if !asked() {
            masked_child(name, &[("PERCPU_MODE", "rseq")], &[RSEQ], libc::EPERM);
        }
        return;
    }
    assert!(matches!(PerCpuRwLock::new(0), Err(Error::NoRseq { .. })), "{:?}", info());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..1_000 {
                    let seen = *LOCK.read();
                    if n % 10 == 0 {
                        *LOCK.write() += 1;
                    }
                    assert!(*LOCK.read() >= seen);
                }
            });
        }
    });
    let (one, other) = (LOCK.read(), LOCK.read());
    assert_eq!((*one, LOCK.try_write().is_none()), (400, true));
    drop((one, other));
    assert!(LOCK.try_write().is_some());
}
