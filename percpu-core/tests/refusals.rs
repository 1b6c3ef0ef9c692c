//! Every system call that the crate makes, refused with every error: the crate says
//! what it does without, or which error it was, loses nothing, and goes on.
//!
//! A table of rows: a call, or one command of it, and what is to come of it. Each row
//! runs once for each error, in a process of its own. The filter is that of one thread;
//! the others see that nothing was spoilt. `masked.rs` has the storms.
//!
//! Not here: `munmap`, which cannot fail for a mapping of ours; `getcpu` and `uname`,
//! which give what is only used as a hint; what libc does for itself.

#![cfg(all(target_os = "linux", target_pointer_width = "64", not(percpu_loom), not(miri)))]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::filter::{Call, MEMBARRIER, call, filter, install_here};
use percpu_core::atomic::AtomicU64;
use percpu_core::{
    Balancer, Error, ListNode, LocalBuffer, LocalList, LocalLock, PerCpu, PerCpuStack,
    TopologySource, fence, info, percpu,
};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(3);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
    static LIST: LocalList<u64> = LocalList::new();
    static BUFFER: LocalBuffer<[u64; 2], 4> = LocalBuffer::new();
}

const ERRORS: [i32; 7] = [
    libc::ENOSYS,
    libc::EPERM,
    libc::EINVAL,
    libc::ENOMEM,
    libc::EINTR,
    libc::EAGAIN,
    libc::EACCES,
];

const fn with(name: &'static str, number: libc::c_long, arguments: &'static [(u32, u32)]) -> Call {
    Call { name, number, arguments }
}

const RSEQ: Call = call("rseq", libc::SYS_rseq);
const REGISTER: Call = with("membarrier: register", libc::SYS_membarrier, &[(0, 1 << 8)]);
const FENCE: Call = with("membarrier: fence", libc::SYS_membarrier, &[(0, 1 << 7)]);
/// Address space, as we ask for it; and as libc does for further heaps, which it does
/// without.
const RESERVE: Call = with(
    "mmap",
    libc::SYS_mmap,
    &[
        (2, libc::PROT_NONE as u32),
        (3, (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as u32),
    ],
);
const PROTECT: Call = call("mprotect", libc::SYS_mprotect);
const UNMAP: Call = call("munmap", libc::SYS_munmap);
const ADVISE: Call = call("madvise", libc::SYS_madvise);
const POPULATE: Call = with("madvise: populate", libc::SYS_madvise, &[(2, 23)]);
const DISCARD: Call =
    with("madvise: discard", libc::SYS_madvise, &[(2, libc::MADV_DONTNEED as u32)]);
const BIND: Call = call("mbind", libc::SYS_mbind);
const NAME: Call = with("prctl: name", libc::SYS_prctl, &[(0, libc::PR_SET_VMA as u32)]);
const LIMIT: Call = call("prlimit64", libc::SYS_prlimit64);
const OPEN: Call = call("openat", libc::SYS_openat);
const READ_DIRECTORY: Call = call("getdents64", libc::SYS_getdents64);
const AFFINITY: Call = call("sched_getaffinity", libc::SYS_sched_getaffinity);
const GETCPU: Call = call("getcpu", libc::SYS_getcpu);
const MASK_SIGNALS: Call = call("rt_sigprocmask", libc::SYS_rt_sigprocmask);
const NAP: Call = call("clock_nanosleep", libc::SYS_clock_nanosleep);
const FUTEX: Call = call("futex", libc::SYS_futex);
const CLONE: Call = call("clone", libc::SYS_clone);
const CLONE3: Call = call("clone3", libc::SYS_clone3);

/// What comes of a refusal.
type Outcome = fn(&'static [Call], i32);
type Row = (&'static [Call], Outcome);

/// Before the first use of all.
const FIRST_USE: [Row; 14] = [
    (&[RESERVE], no_memory_at_first),
    (&[PROTECT], no_memory_at_first),
    (&[ADVISE], nothing_is_missed),
    (&[BIND], nothing_is_missed),
    (&[NAME], nothing_is_missed),
    (&[LIMIT], nothing_is_missed),
    (&[UNMAP], nothing_is_missed),
    (&[GETCPU], nothing_is_missed),
    (&[MASK_SIGNALS], nothing_is_missed),
    (&[READ_DIRECTORY], nothing_is_missed),
    (&[OPEN], no_sysfs),
    (&[OPEN, AFFINITY], no_sysfs),
    (&[REGISTER], portable),
    (&[MEMBARRIER], portable),
];

/// While all is at work.
const LATER: [Row; 9] = [
    (&[FENCE], no_fence),
    (&[RESERVE], no_more_memory),
    (&[PROTECT], no_more_memory),
    (&[POPULATE], nothing_is_populated),
    (&[DISCARD], nothing_is_discarded),
    (&[FUTEX], nobody_sleeps),
    (&[NAP], nobody_sleeps),
    (&[CLONE, CLONE3], no_thread),
    (&[RSEQ], nothing_is_missed),
];

/// Runs `body` in a thread of its own where the calls are refused.
fn refused<R: Send>(calls: &'static [Call], errno: i32, body: impl FnOnce() -> R + Send) -> R {
    let program = filter(calls, errno);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            install_here(&program).expect("a filter");
            body()
        });
        thread.join().expect("no panic where calls are refused")
    })
}

fn every_row(test: &str, env: &[(&str, &str)], rows: &[Row]) {
    if let Ok(row) = std::env::var("PERCPU_TEST_ROW") {
        let (row, errno) = row.split_once(',').expect("two numbers");
        let (calls, outcome) = rows[row.parse::<usize>().expect("a row")];
        return outcome(calls, errno.parse().expect("an error"));
    }
    for (nth, (calls, _)) in rows.iter().enumerate() {
        // std asks again for ever when a file is interrupted.
        let again = |errno| errno == libc::EINTR && calls.iter().any(|c| c.name == OPEN.name);
        for errno in ERRORS.into_iter().filter(|&errno| !again(errno)) {
            let said = common::child(test, env, |child| {
                child.env("PERCPU_TEST_ROW", format!("{nth},{errno}"));
            });
            let names: Vec<_> = calls.iter().map(|call| call.name).collect();
            println!("{names:?} refused with {errno}: {}", said.join(" "));
        }
    }
}

/// Everything is exact, in threads that come and go.
fn suite() {
    let before = WORD.sum();
    let dynamic = PerCpu::<AtomicU64>::zeroed().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for n in 0..500 {
                    WORD.inc();
                    dynamic.add(n);
                    LOCK.with(|value| *value += 1);
                }
            });
        }
    });
    assert_eq!(WORD.sum(), before + 1500);
    assert_eq!(dynamic.sum(), 3 * (499 * 500 / 2));
    assert_eq!(fence::all(), Ok(()));
    println!("{}", info().unwrap().mode());
}

fn nothing_is_missed(calls: &'static [Call], errno: i32) {
    refused(calls, errno, || {
        percpu_core::init().unwrap();
        WORD.inc();
        let values = PerCpu::new_with(|unit| unit.to_string()).unwrap();
        assert!(values.iter().all(|(unit, text)| *text.get() == unit.to_string()));
        let large = PerCpu::<[AtomicU64; 4096]>::zeroed().unwrap();
        large.at(4095).inc();
        assert_eq!(large.at(4095).sum(), 1);
        percpu_core::balance().unwrap();
    });
    suite();
}

/// The first use says so, and the next one tries again.
fn no_memory_at_first(calls: &'static [Call], errno: i32) {
    let first = refused(calls, errno, percpu_core::init);
    assert!(matches!(first, Err(Error::OutOfMemory { errno: e, .. }) if e == errno), "{first:?}");
    assert!(percpu_core::init().is_ok());
    suite();
}

/// The machine is what this process may use of it, or one CPU; others that its threads
/// run on have no unit.
fn no_sysfs(calls: &'static [Call], errno: i32) {
    refused(calls, errno, || percpu_core::init().unwrap());
    let source = info().unwrap().topology().source();
    // A file that is said not to be there is another matter; none of these is.
    assert_eq!(source, TopologySource::AvailableParallelism);
    suite();
}

/// Why it is the portable mode.
fn portable(calls: &'static [Call], errno: i32) {
    if std::env::var("PERCPU_MODE").is_ok_and(|mode| mode == "portable") {
        return suite();
    }
    refused(calls, errno, || percpu_core::init().unwrap());
    let mode = info().unwrap().mode();
    assert!(!mode.is_rseq(), "{mode}");
    let why = mode.to_string();
    assert!(why.ends_with(&format!("error {errno})")) || why.contains("this build"), "{why}");
    suite();
}

/// What needs a fence says so and changes nothing; everything else goes on.
fn no_fence(calls: &'static [Call], errno: i32) {
    suite();
    if !info().unwrap().mode().is_rseq() {
        return;
    }
    let error = Error::FenceRefused { errno };
    let stack = PerCpuStack::<u64>::with_capacity(8).unwrap();
    common::pin();
    assert!(LIST.push(ListNode::new(1)).is_ok() && BUFFER.push([2, 3]).is_ok());
    stack.push(4).unwrap();
    let holding: Vec<_> =
        common::active_units().filter(|&unit| !stack.on(unit).is_empty()).collect();
    refused(calls, errno, || {
        assert_eq!(fence::all(), Err(error.clone()));
        for unit in holding {
            assert_eq!(fence::unit(unit), Err(error.clone()));
            assert_eq!(LOCK.lock_on(unit).map(drop), Err(error.clone()));
            assert_eq!(LIST.drain_on(unit, |_| panic!("taken")), Err(error.clone()));
            assert_eq!(BUFFER.drain_on(unit, |_| panic!("taken")), Err(error.clone()));
            assert_eq!(stack.drain_unit(unit, |_| panic!("taken")), Err(error.clone()));
        }
        WORD.inc();
        LOCK.with(|value| *value += 1);
    });
    // Nothing is stopped, and nothing was lost.
    let (mut nodes, mut records, mut items) = (Vec::new(), Vec::new(), Vec::new());
    LIST.drain(|_, node| nodes.push(node.into_value())).unwrap();
    BUFFER.drain(|_, record| records.push(record)).unwrap();
    stack.drain(|_, item| items.push(item)).unwrap();
    assert_eq!((nodes, records, items), (vec![1], vec![[2, 3]], vec![4]));
    suite();
}

/// As many of one size as need another chunk.
fn many() -> Result<Vec<PerCpu<[u8; 32 << 10]>>, Error> {
    (0..400).map(|_| PerCpu::zeroed()).collect()
}

fn no_more_memory(calls: &'static [Call], errno: i32) {
    suite();
    let kept = PerCpu::<AtomicU64>::zeroed().unwrap();
    kept.add(7);
    let error = refused(calls, errno, || many().map(drop).unwrap_err());
    assert!(matches!(error, Error::OutOfMemory { errno: e, .. } if e == errno), "{error:?}");
    assert_eq!(kept.sum(), 7);
    drop(many().unwrap());
    suite();
}

/// Pages are touched instead, or there are none.
fn nothing_is_populated(calls: &'static [Call], errno: i32) {
    let config = percpu_core::config().backing(percpu_core::Backing::Eager);
    config.apply().unwrap();
    suite();
    let outcome = refused(calls, errno, || many().map(drop));
    match errno {
        libc::ENOSYS | libc::EPERM | libc::EINVAL => assert_eq!(outcome, Ok(())),
        _ => assert!(
            matches!(outcome, Err(Error::OutOfMemory { errno: e, .. }) if e == errno),
            "{outcome:?}"
        ),
    }
    drop(many().unwrap());
    suite();
}

/// What is not given back stays, and what is handed out again is zero all the same.
fn nothing_is_discarded(calls: &'static [Call], errno: i32) {
    suite();
    refused(calls, errno, || {
        for _ in 0..3 {
            let words: Vec<_> =
                (0..40).map(|_| PerCpu::<[AtomicU64; 2048]>::zeroed().unwrap()).collect();
            for word in &words {
                assert_eq!(word.at(2047).sum() + word.at(0).sum(), 0);
                word.at(0).inc();
                word.at(2047).inc();
            }
            drop(words);
            percpu_core::balance().unwrap();
        }
    });
    suite();
}

/// Who cannot sleep asks again, and nobody gets in beside another.
fn nobody_sleeps(calls: &'static [Call], errno: i32) {
    suite();
    let lock = Arc::new(PerCpu::new_with(|_| LocalLock::new(0_u64)).unwrap());
    let work = move |lock: Arc<PerCpu<LocalLock<u64>>>| {
        install_here(&filter(calls, errno)).expect("a filter");
        for n in 0..500 {
            lock.with(|value| {
                let seen = *value;
                if n % 50 == 0 {
                    std::thread::yield_now();
                }
                *value = seen + 1;
            });
        }
    };
    // Not in a scope: its end waits for a thread that may not wake anybody.
    let threads = [(); 3].map(|()| {
        let lock = Arc::clone(&lock);
        std::thread::spawn(move || work(lock))
    });
    for thread in threads {
        thread.join().expect("no panic where calls are refused");
    }
    let held: u64 = common::active_units().map(|unit| *lock.lock_on(unit).unwrap()).sum();
    assert_eq!(held, 1500);
    suite();
}

fn no_thread(calls: &'static [Call], errno: i32) {
    suite();
    let every = Duration::from_millis(1);
    let refused = refused(calls, errno, || Balancer::every(every).map(drop));
    // glibc says EAGAIN where there is no memory for a thread.
    let said = |e| e == errno || e == libc::EAGAIN;
    let said = matches!(refused, Err(Error::Thread { errno: Some(e) }) if said(e));
    assert!(said, "{refused:?}");
    drop(Balancer::every(every).unwrap());
    suite();
}

#[test]
fn whatever_is_refused_at_first_use_is_done_without_or_told() {
    every_row("whatever_is_refused_at_first_use_is_done_without_or_told", &[], &FIRST_USE);
}

#[test]
fn a_registration_that_is_refused_leads_to_portable_mode() {
    let env = [("GLIBC_TUNABLES", "glibc.pthread.rseq=0")];
    let test = "a_registration_that_is_refused_leads_to_portable_mode";
    every_row(test, &env, &[(&[RSEQ], portable), (&[REGISTER], portable)]);
}

#[test]
fn whatever_is_refused_later_is_done_without_or_told() {
    every_row("whatever_is_refused_later_is_done_without_or_told", &[], &LATER);
}

#[test]
fn whatever_is_refused_later_is_done_without_or_told_in_portable_mode() {
    let test = "whatever_is_refused_later_is_done_without_or_told_in_portable_mode";
    every_row(test, &[("PERCPU_MODE", "portable")], &LATER);
}
