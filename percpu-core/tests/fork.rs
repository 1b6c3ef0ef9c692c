//! Fork, exec, and threads that come and go.
//!
//! # Safety
//!
//! Forks, waits and exits; a child does per-CPU work only, and libc's malloc.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;

use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use percpu_core::atomic::AtomicU64;
use percpu_core::{LocalLock, PerCpu, Topology, Unit, config, fence, percpu};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(3);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
}

/// Runs `body` in a forked child; its exit status, 0 if `body` said true. A
/// child that hangs is killed, which is another status.
fn forked(body: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child runs `body` and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the child, without the parent's destructors.
        unsafe { libc::_exit(if matches!(good, Ok(true)) { 0 } else { 1 }) }
    }
    assert!(child > 0, "fork: {}", std::io::Error::last_os_error());
    let (start, mut status) = (Instant::now(), 0);
    // SAFETY: asks for the child just made; the status is a local.
    while unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == 0 {
        std::thread::sleep(Duration::from_micros(100));
        // It may hang with its signals blocked: an alarm would not end it.
        if start.elapsed() > Duration::from_secs(10) {
            // SAFETY: a child that was not waited for yet.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
    }
    status
}

/// All that a child may want: operations, statics, memory from old and new
/// chunks, units that nobody used yet, locks, the fence.
fn everything_works(round: u64) -> bool {
    let before = WORD.sum();
    for _ in 0..100 {
        WORD.inc();
    }
    let words: Vec<_> = (0..20).map(|_| PerCpu::<AtomicU64>::zeroed().unwrap()).collect();
    words.iter().for_each(|word| word.add(round));
    let large: Vec<_> = (0..4).map(|_| PerCpu::<[u8; 32 << 10]>::zeroed().unwrap()).collect();
    let mut units = Unit::all().unwrap();
    let unit = units.nth(round as usize % units.len()).unwrap();
    let on = WORD.on(unit).load();
    let locks = PerCpu::new_with(|_| LocalLock::new(0_u64)).unwrap();
    locks.with(|n| *n += 1);
    *locks.lock_on(unit).unwrap() += 1;
    let locked = *locks.lock_on(unit).unwrap();
    // The parent's threads use other locks: nobody held this one.
    LOCK.with(|n| *n += 1);
    fence::all().unwrap();
    drop(large);
    let there = std::thread::spawn(|| WORD.inc()).join().is_ok();
    on >= 3
        && there
        && locked >= 1
        && WORD.sum() == before + 101
        && words.iter().all(|word| word.sum() == round)
}

#[test]
fn a_child_of_a_busy_parent_can_do_everything() {
    common::in_each_mode("a_child_of_a_busy_parent_can_do_everything", || {
        // Units to activate while children are made.
        config().topology(Topology::uniform(256, 1).unwrap()).apply().unwrap();
        percpu_core::init().unwrap();
        let over = AtomicBool::new(false);
        let forks = common::scaled(100);
        let begun = Barrier::new(4);
        let bad = std::thread::scope(|scope| {
            let (over, begun) = (&over, &begun);
            let go_on = move || !over.load(Ordering::Relaxed);
            // A thread that begins or ends holds a lock of the standard library, which a
            // child made then waits for in vain once it spawns a thread of its own. So
            // children are made while all run, and after all were joined: a scope's end
            // does not wait for the last of a thread.
            let mut threads = Vec::new();
            for _ in 0..2 {
                // Allocates and frees, small and large: both locks of memory.
                threads.push(scope.spawn(move || {
                    begun.wait();
                    while go_on() {
                        let some = PerCpu::<[AtomicU64; 3]>::zeroed().unwrap();
                        let large = PerCpu::<[u8; 32 << 10]>::zeroed().unwrap();
                        some.at(1).inc();
                        drop((some, large));
                        WORD.inc();
                    }
                }));
            }
            // Activates units, a few at a time.
            threads.push(scope.spawn(move || {
                begun.wait();
                while go_on() {
                    for unit in Unit::all().unwrap().take_while(|_| go_on()) {
                        WORD.on(unit).load();
                        std::thread::sleep(Duration::from_micros(200));
                    }
                }
            }));
            begun.wait();
            let statuses = (0..forks).map(|round| forked(|| everything_works(round)));
            let bad = statuses.enumerate().find(|&(_, status)| status != 0);
            over.store(true, Ordering::Relaxed);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            bad
        });
        assert_eq!(bad, None, "of (child, its status)");
        // The parent's locks were let go of as well.
        assert_eq!(forked(|| everything_works(7)), 0);
        assert!(everything_works(1));
    });
}

#[test]
fn a_copy_that_another_thread_holds_stays_locked_in_the_child() {
    common::in_each_pinned_mode(
        "a_copy_that_another_thread_holds_stays_locked_in_the_child",
        || {
            let locks = PerCpu::new_with(|_| LocalLock::new(0_u64)).unwrap();
            common::pin();
            let unit = Unit::current().unwrap();
            let (tell, told) = std::sync::mpsc::channel();
            let (leave, left) = std::sync::mpsc::channel::<()>();
            std::thread::scope(|scope| {
                let locks = &locks;
                scope.spawn(move || {
                    let guard = locks.lock_on(unit).unwrap();
                    tell.send(()).unwrap();
                    let _ = left.recv();
                    drop(guard);
                });
                told.recv().unwrap();
                let status = forked(|| {
                    let others = Unit::all().unwrap().filter(|&other| other != unit);
                    // By concurrency id the child, a process of its own, may be elsewhere.
                    (locks.try_lock().is_none() || Unit::current().unwrap() != unit)
                        && others.map(|other| *locks.lock_on(other).unwrap()).sum::<u64>() == 0
                        && everything_works(1)
                });
                leave.send(()).unwrap();
                assert_eq!(status, 0);
            });
            assert!(locks.try_lock().is_some());
        },
    );
}

#[test]
fn a_forked_child_counts_on_copies_of_its_own() {
    common::in_each_mode("a_forked_child_counts_on_copies_of_its_own", || {
        let word = PerCpu::<AtomicU64>::zeroed().unwrap();
        word.add(5);
        assert_eq!(forked(|| (word.add(1), word.sum()).1 == 6), 0);
        assert_eq!(word.sum(), 5);
        // A child's child, which the first waits for.
        assert_eq!(forked(|| forked(|| everything_works(2)) == 0 && everything_works(3)), 0);
    });
}

#[test]
fn a_program_that_is_executed_starts_afresh() {
    const STAGE: &str = "PERCPU_TEST_STAGE";
    let name = "a_program_that_is_executed_starts_afresh";
    common::in_each_mode(name, || {
        assert!(everything_works(4));
        let units = Unit::all().unwrap().count() as u64;
        if std::env::var_os(STAGE).is_none() {
            assert_eq!(WORD.sum(), 3 * units + 101);
            let mut same = std::process::Command::new(std::env::current_exe().unwrap());
            same.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(STAGE, "2");
            panic!("not executed: {}", same.exec());
        }
        assert_eq!(WORD.sum(), 3 * units + 101, "nothing of the first program's");
    });
}

#[test]
fn threads_that_come_and_go_lose_nothing() {
    common::in_each_mode("threads_that_come_and_go_lose_nothing", || {
        let units = Unit::all().unwrap().count() as u64;
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let rounds = common::scaled(250);
        for _ in 0..rounds {
            // Joined, and not in a scope: that ends before destructors have run.
            let threads = (0..8).map(|_| {
                let word = Arc::clone(&word);
                std::thread::spawn(move || {
                    word.inc();
                    WORD.inc();
                    // Operations of destructors that run late count too.
                    LATE.with(|_| ());
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
        assert_eq!(word.sum(), 8 * rounds);
        assert_eq!(WORD.sum(), 3 * units + 2 * 8 * rounds);
    });
}

/// Adds as its thread ends.
struct Late;
impl Drop for Late {
    fn drop(&mut self) {
        WORD.inc();
    }
}
thread_local! { static LATE: Late = const { Late }; }
