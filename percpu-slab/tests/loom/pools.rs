//! `Pool` and `FixedPool`: a value has one holder, who sees it as the last one left it,
//! whoever drains or steals; each is dropped once; the limit holds. Their magazines are
//! never closed.
//!
//! # Safety
//!
//! Sends loom's cells between threads; loom fails an execution in which two accesses are
//! not ordered.

#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use percpu_core::Unit;
use percpu_core::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use percpu_core::model::loom::cell::Cell;
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::{FixedPool, Pool, PoolGuard, pool::PoolBuilder};

/// Made and dropped.
#[derive(Default)]
struct Census {
    made: AtomicU64,
    dropped: AtomicU64,
}

/// How often it was used; counts itself.
struct Value(Cell<u32>, Arc<Census>);

// SAFETY: loom orders the accesses, or fails.
unsafe impl Send for Value {}

impl Value {
    /// Who else looks at it is found by loom.
    fn use_it(&self) -> u32 {
        let used = self.0.get() + 1;
        self.0.set(used);
        used
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.use_it();
        self.1.dropped.fetch_add(1, Relaxed);
    }
}

/// Of magazines of one value, one a CPU.
fn builder(census: &Arc<Census>, depot: usize) -> PoolBuilder<Value> {
    let census = Arc::clone(census);
    let make = move || {
        census.made.fetch_add(1, Relaxed);
        Value(Cell::new(0), Arc::clone(&census))
    };
    Pool::builder(make).magazine(1).max_magazines(1).depot(depot)
}

fn cpu0() -> Unit {
    Unit::all().unwrap().next().unwrap()
}

/// Drops the pool, and looks whether all that was made is gone.
fn end<R: percpu_slab::pool::Recycle<Value>>(pool: Arc<Pool<Value, R>>, census: &Census) -> u64 {
    let stats = pool.stats();
    assert_eq!(stats.live, stats.cached, "in nobody's hands, and not here");
    drop(Arc::into_inner(pool).expect("the last one"));
    let made = census.made.load(Relaxed);
    assert_eq!(census.dropped.load(Relaxed), made, "dropped once each");
    made
}

/// One gets and drops while its CPU is drained.
#[test]
fn drain_against_get_and_put() {
    static ENDS: Outcomes<(u32, usize, u64)> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let census = Arc::default();
        let pool = Arc::new(builder(&census, 1).build().unwrap());
        pool.get().use_it();
        let theirs = Arc::clone(&pool);
        let works = machine.spawn_on(0, move || theirs.get().use_it());
        let theirs = Arc::clone(&pool);
        let drains = machine.spawn_without_rseq(move || theirs.drain(cpu0()).unwrap());
        let (used, drained) = (works.join().unwrap(), drains.join().unwrap());
        ENDS.saw((used, drained, end(pool, &census)));
    });
    // It got the one that was there, or that was gone, or in the drain's hands; it was
    // back before the drain, after it, or while it was drained.
    ENDS.assert_seen([(2, 0, 1), (2, 1, 1), (1, 1, 2)]);
}

/// A full CPU has its magazine go to the depot, where another one finds it.
#[test]
fn put_into_the_depot_against_get_elsewhere() {
    static ENDS: Outcomes<(u32, u64)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let census = Arc::default();
        let pool = Arc::new(builder(&census, 1).build().unwrap());
        let theirs = Arc::clone(&pool);
        let puts = machine.spawn_on(0, move || {
            let both = [theirs.get(), theirs.get()];
            both.iter().for_each(|value| _ = value.use_it());
        });
        let theirs = Arc::clone(&pool);
        let gets = machine.spawn_on(1, move || theirs.get().use_it());
        puts.join().unwrap();
        let used = gets.join().unwrap();
        ENDS.saw((used, end(pool, &census)));
    });
    ENDS.assert_seen([(1, 3), (2, 2)]);
}

/// One value may exist: of two who want it one at least has it, and a second one is not
/// made; whoever finds it on the other's CPU takes it from there.
#[test]
fn get_against_get_at_the_limit() {
    static ENDS: Outcomes<[Option<u32>; 2]> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let census = Arc::default();
        let pool = Arc::new(builder(&census, 0).limit(1).build().unwrap());
        let gets = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&pool);
            machine.spawn_on(cpu, move || theirs.try_get().ok().map(|value| value.use_it()))
        });
        let used = gets.map(|get| get.join().unwrap());
        assert_eq!(end(pool, &census), 1, "more than may exist");
        ENDS.saw(used);
    });
    ENDS.assert_seen([[Some(1), None], [None, Some(1)], [Some(1), Some(2)], [Some(2), Some(1)]]);
}

/// Whoever steals takes all that a CPU has, and keeps one.
#[test]
fn steal_against_get() {
    static ENDS: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().faults(0).preemptions(3).check(|machine| {
        let census = Arc::default();
        let pool = builder(&census, 1).limit(2).magazine(2).build().unwrap();
        let pool = Arc::new(pool);
        drop([pool.get(), pool.get()]);
        let theirs = Arc::clone(&pool);
        let local = machine.spawn_on(0, move || theirs.try_get().map(|v| v.use_it()).is_ok());
        let theirs = Arc::clone(&pool);
        let thief = machine.spawn_on(1, move || theirs.try_get().map(|v| v.use_it()).is_ok());
        let had = [local.join().unwrap(), thief.join().unwrap()];
        // One that came back while its CPU was drained was dropped.
        assert!((2..=3).contains(&end(pool, &census)));
        ENDS.saw(had);
    });
    // One of them may find all in the other's hands.
    ENDS.assert_seen([[true, true], [false, true]]);
}

/// A value whose reset panics goes alone, and once, while another one comes back.
#[test]
fn reset_that_panics_against_put() {
    static ENDS: Outcomes<u64> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(1).check(|machine| {
        let census = Arc::default();
        let reset = |value: &mut Value| {
            if value.use_it() > 100 {
                // A panic that nobody hears of.
                resume_unwind(Box::new("poisoned, on purpose"));
            }
        };
        let pool = Arc::new(builder(&census, 0).reset(reset).build().unwrap());
        let poisoned = |poisoned: bool| {
            let theirs = Arc::clone(&pool);
            machine.spawn_on(0, move || {
                let value = theirs.get();
                if poisoned {
                    value.0.set(200);
                }
                let back = catch_unwind(AssertUnwindSafe(|| drop::<PoolGuard<'_, _, _>>(value)));
                assert_eq!(back.is_err(), poisoned);
            })
        };
        let threads = [poisoned(false), poisoned(true)];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let stats = pool.stats();
        assert_eq!(stats.live, stats.created - 1, "the poisoned one is gone, and no other");
        ENDS.saw(end(pool, &census));
    });
    // The second one had the first one's value, or one of its own.
    ENDS.assert_exactly([1, 2]);
}

/// Values that are not to be kept are dropped by whoever brings them.
#[test]
fn value_that_is_not_kept_against_drain() {
    static ENDS: Outcomes<(usize, u64)> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let census = Arc::default();
        // The first time it comes back it is kept.
        let keep = |value: &mut Value| value.use_it() < 3;
        let pool = Arc::new(builder(&census, 0).keep_if(keep).build().unwrap());
        drop(pool.get());
        let theirs = Arc::clone(&pool);
        let works = machine.spawn_on(0, move || _ = theirs.get().use_it());
        let theirs = Arc::clone(&pool);
        let drains = machine.spawn_without_rseq(move || theirs.clear().unwrap());
        works.join().unwrap();
        let drained = drains.join().unwrap();
        let made = end(pool, &census);
        assert!(drained < 2 || made == 2);
        ENDS.saw((drained, made));
    });
    ENDS.assert_seen([(0, 1), (1, 2)]);
}

/// Objects that are made once: an index is one thread's.
#[test]
fn fixed_get_against_get_of_one_object() {
    static ENDS: Outcomes<[Option<u32>; 2]> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let census = Arc::<Census>::default();
        let make = |_| Value(Cell::new(0), Arc::clone(&census));
        let pool = Arc::new(FixedPool::new(1, make).unwrap());
        let gets = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&pool);
            machine.spawn_on(cpu, move || theirs.get().ok().map(|value| value.use_it()))
        });
        let used = gets.map(|get| get.join().unwrap());
        assert_eq!(pool.used(), 0);
        assert!(pool.get().is_ok(), "lost");
        drop(Arc::into_inner(pool).expect("the last one"));
        assert_eq!(census.dropped.load(Relaxed), 1);
        ENDS.saw(used);
    });
    ENDS.assert_seen([[Some(1), None], [None, Some(1)], [Some(1), Some(2)], [Some(2), Some(1)]]);
}

/// A guard that is dropped by another thread.
#[test]
fn fixed_object_that_another_thread_gives_back() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let uses = Arc::new(AtomicUsize::new(0));
        let make = |_| Value(Cell::new(0), Arc::default());
        let pool = Arc::new(FixedPool::new(1, make).unwrap());
        let guard = pool.get_owned().unwrap();
        guard.use_it();
        let counts = Arc::clone(&uses);
        let gives = machine.spawn_on(1, move || {
            counts.fetch_add(guard.use_it() as usize, Relaxed);
        });
        let theirs = Arc::clone(&pool);
        let gets = machine.spawn_on(0, move || {
            let object = theirs.get().ok()?;
            assert_eq!(object.use_it(), 3, "as it was left");
            Some(())
        });
        gives.join().unwrap();
        ENDS.saw(gets.join().unwrap().is_some());
        assert_eq!((pool.used(), uses.load(Relaxed)), (0, 2));
    });
    ENDS.assert_exactly([false, true]);
}
