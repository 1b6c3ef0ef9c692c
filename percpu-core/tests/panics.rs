//! A panic in a user's code leaves no lock held, no half-made value, no memory.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use percpu_core::{Copies, LocalLock, PerCpu, Topology, Unit, config, info, percpu};

percpu! { static LOCK: LocalLock<u64> = LocalLock::new(0); }

/// Large, so that lost memory shows soon.
struct Counted<'a> {
    live: &'a AtomicU64,
    _bytes: [u8; 16 << 10],
}

impl<'a> Counted<'a> {
    fn new(live: &'a AtomicU64) -> Self {
        live.fetch_add(1, Relaxed);
        Self { live, _bytes: [7; 16 << 10] }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Relaxed);
    }
}

fn panics<R>(body: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(body)).is_err()
}

/// Under Miri as many as there are: all tests are in one process.
fn seven_units() {
    if !cfg!(miri) {
        config().topology(Topology::uniform(7, 1).unwrap()).apply().unwrap();
    }
}

/// Panics without the message of one.
fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("as planned"))
}

/// Memory that is handed out next is zero in every unit.
fn fresh_memory_is_zero() -> bool {
    let bytes = PerCpu::<[percpu_core::atomic::AtomicU64; 2048]>::zeroed().unwrap();
    bytes.iter().all(|(_, copy)| copy.get().iter().all(|word| word.load(Relaxed) == 0))
}

#[test]
fn an_initialiser_may_panic_at_each_unit() {
    common::in_child("an_initialiser_may_panic_at_each_unit", &[], || {
        seven_units();
        let live = AtomicU64::new(0);
        let units = Unit::all().unwrap().count() as u64;
        drop(PerCpu::new_with(|_| Counted::new(&live)).unwrap());
        let chunks = info().unwrap().chunks();
        for round in 0..common::scaled(100) {
            for last in 0..units {
                let mut made = 0;
                assert!(panics(|| PerCpu::new_with(|_| {
                    if made == last {
                        panic_quietly()
                    }
                    made += 1;
                    Counted::new(&live)
                })));
                assert_eq!(live.load(Relaxed), 0, "what was made was dropped");
            }
            if round % 20 == 0 {
                assert!(fresh_memory_is_zero());
            }
        }
        assert_eq!(info().unwrap().chunks(), chunks, "the memory came back");
    });
}

/// The initialiser runs with no lock held: it may use the crate itself.
#[test]
fn an_initialiser_may_allocate_lock_and_then_panic() {
    let live = AtomicU64::new(0);
    assert!(panics(|| PerCpu::new_with(|_| {
        let inner = PerCpu::new_with(|_| Counted::new(&live)).unwrap();
        let _guard = LOCK.lock();
        drop(inner);
        panic_quietly()
    })
    .map(|never: PerCpu<u8>| drop(never))));
    assert_eq!(live.load(Relaxed), 0);
    nothing_is_locked(&LOCK);
}

#[test]
fn a_destructor_may_panic_at_each_unit() {
    common::in_child("a_destructor_may_panic_at_each_unit", &[], || {
        seven_units();
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        struct Bomb(bool, #[allow(dead_code)] [u8; 16 << 10]);
        impl Drop for Bomb {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Relaxed);
                if self.0 {
                    panic_quietly()
                }
            }
        }
        let units = Unit::all().unwrap().count();
        let make = |bad: usize| {
            let mut n = 0..;
            PerCpu::new_with(|_| Bomb(n.next() == Some(bad), [7; 16 << 10]))
        };
        drop(make(units).unwrap());
        let chunks = info().unwrap().chunks();
        for round in 0..common::scaled(100) {
            for bad in 0..units {
                let bombs = make(bad).unwrap();
                let before = DROPPED.load(Relaxed);
                assert!(panics(|| drop(bombs)));
                assert_eq!(DROPPED.load(Relaxed) - before, units, "the others are dropped");
            }
            if round % 20 == 0 {
                assert!(fresh_memory_is_zero());
            }
        }
        assert_eq!(info().unwrap().chunks(), chunks, "the memory came back");
    });
}

fn nothing_is_locked(locks: &Copies<LocalLock<u64>>) {
    let cpus = common::allowed();
    for bit in (0..64).map(|cpu| 1 << cpu).filter(|bit| cpus & bit != 0) {
        common::set_affinity(bit);
        assert!(locks.try_lock().is_some());
    }
    common::set_affinity(cpus);
    for unit in Unit::all().unwrap() {
        drop(locks.lock_on(unit).unwrap());
    }
}

#[test]
fn a_closure_under_a_lock_may_panic() {
    common::in_each_mode("a_closure_under_a_lock_may_panic", || {
        for n in 0..100 {
            assert!(panics(|| LOCK.with(|_| panic_quietly())));
            assert!(panics(|| {
                let _guard = LOCK.lock();
                panic_quietly()
            }));
            let unit = Unit::all().unwrap().nth(n % 2).unwrap();
            assert!(panics(|| {
                let mut guard = LOCK.lock_on(unit).unwrap();
                *guard += 1;
                panic_quietly()
            }));
            nothing_is_locked(&LOCK);
        }
        // What was done before the panic stays done: there is no poisoning.
        let sum: u64 = Unit::all().unwrap().map(|unit| *LOCK.lock_on(unit).unwrap()).sum();
        assert_eq!(sum, 100);
    });
}
