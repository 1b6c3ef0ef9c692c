//! `LocalLock`: never two holders of a copy, nothing left locked.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use percpu_core::{Index, LocalLock, LocalLockGuard, PerCpu, Unit, info, percpu};

percpu! {
    static PAIR: LocalLock<Pair> = LocalLock::new(Pair { inside: false, entries: 0, mirror: 0 });
    static PLAIN: LocalLock<u64> = LocalLock::new(0);
}

/// Plain fields: two holders at once would tear them.
struct Pair {
    inside: bool,
    entries: u64,
    mirror: u64,
}

impl Pair {
    fn enter(&mut self) {
        assert!(!self.inside, "two holders");
        self.inside = true;
        assert_eq!(self.entries, self.mirror, "a torn pair");
        self.entries += 1;
        std::hint::black_box(&mut *self);
        self.mirror += 1;
        self.inside = false;
    }
}

/// 10,000,000 acquisitions from 4 threads, with a remote locker beside them.
#[test]
fn ten_million_acquisitions_never_two_holders() {
    common::in_each_mode("ten_million_acquisitions_never_two_holders", || {
        let each = common::scaled(2_500_000);
        let mut remote = 0;
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|n| {
                    scope.spawn(move || {
                        for i in 0..each {
                            if i % 2 == n % 2 {
                                PAIR.with(Pair::enter);
                            } else {
                                PAIR.lock().enter();
                            }
                        }
                    })
                })
                .collect();
            while !workers.iter().all(|worker| worker.is_finished()) {
                for unit in Unit::all().unwrap() {
                    PAIR.lock_on(unit).unwrap().enter();
                    remote += 1;
                }
            }
        });
        let units = Unit::all().unwrap();
        let entries: u64 = units.map(|unit| PAIR.lock_on(unit).unwrap().entries).sum();
        println!("{remote} remote");
        assert_eq!(entries, 4 * each + remote);
        assert!(remote > 0);
    });
}

#[test]
fn a_held_copy_is_busy_and_waits() {
    common::pin();
    let guard = PLAIN.lock();
    let held = Unit::current().unwrap();
    assert!(PLAIN.try_lock().is_none(), "same CPU, same copy");
    std::thread::scope(|scope| {
        // A thread of the same unit: the first inherits this thread's CPU; in
        // portable mode threads take the units by turns, so try some.
        let waiter = (0..1000).find_map(|_| {
            let (tell, told) = std::sync::mpsc::channel();
            let thread = scope.spawn(move || {
                let meets = Unit::current().unwrap() == held;
                tell.send(meets).unwrap();
                if meets { *PLAIN.lock() } else { 0 }
            });
            told.recv().unwrap().then_some(thread)
        });
        let waiter = waiter.expect("a thread of the same unit");
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished());
        drop(guard);
        waiter.join().unwrap();
    });
    assert!(PLAIN.try_lock().is_some());
}

#[test]
fn a_panic_while_holding_unlocks() {
    let locks = PerCpu::new_with(|_| LocalLock::new(0_u32)).unwrap();
    common::pin();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        locks.with(|n| {
            *n = 1;
            panic!("as planned");
        })
    }));
    assert!(outcome.is_err());
    assert_eq!(*locks.try_lock().expect("unlocked"), 1);
}

#[test]
fn a_guard_stays_with_its_copy_when_the_thread_moves() {
    let locks = PerCpu::new_with(|_| LocalLock::new(0_u32)).unwrap();
    let allowed = common::allowed();
    let first = allowed & allowed.wrapping_neg();
    common::set_affinity(first);
    let mut guard = locks.lock();
    let rest = allowed & !first;
    if rest != 0 {
        common::set_affinity(rest);
    }
    *guard += 1;
    drop(guard);
    common::set_affinity(first);
    assert_eq!(*locks.lock(), 1);
}

/// The same for a static and for an allocated lock: `get_cpu_var`, `get_cpu_ptr`.
#[test]
fn a_guards_unit_stays_and_drop_unlocks_that_unit_wherever_the_thread_is() {
    let name = "a_guards_unit_stays_and_drop_unlocks_that_unit_wherever_the_thread_is";
    common::in_each_mode(name, || {
        let allocated = PerCpu::new_with(|_| LocalLock::new(0_u64)).unwrap();
        let declared: &percpu_core::Copies<LocalLock<u64>> = &PLAIN;
        let cpus = common::allowed();
        let bits: Vec<u64> = (0..64).map(|cpu| 1 << cpu).filter(|bit| cpus & bit != 0).collect();
        // The kernel may give another concurrency id to a thread that stays on its CPU.
        let stays = info().unwrap().index() == Index::Cpu;
        for locks in [&*allocated, declared] {
            for round in 0..200 {
                common::set_affinity(bits[round % bits.len()]);
                let mut guard = locks.lock();
                let held = LocalLockGuard::unit(&guard);
                if stays {
                    assert_eq!(held, Unit::current().unwrap());
                }
                for &bit in &bits {
                    common::set_affinity(bit);
                    *guard += 1;
                    assert_eq!(LocalLockGuard::unit(&guard), held);
                    let busy = locks.try_lock().map(|other| LocalLockGuard::unit(&other));
                    assert_ne!(busy, Some(held), "held, from whichever CPU it is looked at");
                }
                drop(guard);
                common::set_affinity(bits[round % bits.len()]);
                let again = locks.try_lock().expect("the copy that was held is free");
                assert!(!stays || LocalLockGuard::unit(&again) == held);
            }
            common::set_affinity(cpus);
            let remote = Unit::all().unwrap().map(|unit| locks.lock_on(unit).unwrap());
            let sum: u64 = remote.map(|guard| *guard).sum();
            assert_eq!(sum, 200 * bits.len() as u64);
            for unit in Unit::all().unwrap() {
                assert_eq!(LocalLockGuard::unit(&locks.lock_on(unit).unwrap()), unit);
            }
        }
    });
}

#[test]
fn remote_lockers_wait_for_each_other_and_for_the_holder() {
    let locks = PerCpu::new_with(|_| LocalLock::new(0_u64)).unwrap();
    let order = AtomicU64::new(0);
    common::pin();
    let unit = Unit::current().unwrap();
    let guard = locks.lock();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut guard = locks.lock_on(unit).unwrap();
                assert_eq!(order.load(Ordering::Relaxed), 1, "not before the holder left");
                *guard += 1;
            });
        }
        std::thread::sleep(Duration::from_millis(20));
        order.store(1, Ordering::Relaxed);
        drop(guard);
    });
    assert_eq!(*locks.lock_on(unit).unwrap(), 3);
}

#[test]
#[cfg(debug_assertions)]
fn taking_a_lock_twice_is_told_in_debug_builds() {
    let locks = PerCpu::new_with(|_| LocalLock::new(())).unwrap();
    let _guard = locks.lock();
    let again = catch_unwind(AssertUnwindSafe(|| drop(locks.lock())));
    assert!(again.is_err());
    // Another lock is another matter.
    PLAIN.with(|_| ());
}

fn try_in_handler() {
    TRIED.fetch_add(1, Ordering::Relaxed);
    if let Some(mut n) = PLAIN.try_lock() {
        *n += 1;
        ENTERED.fetch_add(1, Ordering::Relaxed);
    }
}
static TRIED: AtomicU64 = AtomicU64::new(0);
static ENTERED: AtomicU64 = AtomicU64::new(0);

#[test]
fn try_lock_in_a_handler_never_deadlocks() {
    common::in_each_mode("try_lock_in_a_handler_never_deadlocks", || {
        // Under Miri all tests are in one process.
        let sum = || Unit::all().unwrap().map(|unit| *PLAIN.lock_on(unit).unwrap()).sum::<u64>();
        let before = sum();
        common::handle_sigusr1(try_in_handler);
        let each = common::scaled(300_000);
        common::in_a_storm(4, |_| {
            for _ in 0..each {
                PLAIN.with(|n| *n += 1);
            }
        });
        assert_eq!(sum() - before, 4 * each + ENTERED.load(Ordering::Relaxed));
        assert!(TRIED.load(Ordering::Relaxed) > 0);
    });
}
