//! `compat::Pool`: a value stays in its slot, is cleared once for each time that it was
//! filled, and is read while it is whole.
//!
//! # Safety
//!
//! Shares loom's cells between threads; loom fails an execution in which two accesses
//! are not ordered.

#![allow(unsafe_code)]

use std::sync::Arc;

use percpu_core::model::loom::cell::Cell;
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::compat::{Clear, Pool};

/// Filled, or cleared.
struct Line(Cell<u32>);

// SAFETY: loom orders the accesses, or fails.
unsafe impl Sync for Line {}
// SAFETY: as above.
unsafe impl Send for Line {}

impl Default for Line {
    fn default() -> Self {
        Self(Cell::new(0))
    }
}

impl Clear for Line {
    fn clear(&mut self) {
        assert_ne!(self.0.replace(0), 0, "cleared twice");
    }
}

impl Line {
    fn fill(&self, with: u32) {
        assert_eq!(self.0.replace(with), 0, "a value that was not cleared");
    }
}

fn create(pool: &Pool<Line>, with: u32) -> usize {
    pool.create_with(|line| line.fill(with)).unwrap()
}

fn read(pool: &Pool<Line>, key: usize) -> Option<u32> {
    pool.get(key).map(|line| line.0.get())
}

/// The reader has the value, whole, or finds nothing; the slot's next value is filled after
/// that.
#[test]
fn get_against_clear_and_create() {
    static READ: Outcomes<(Option<u32>, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let pool = Arc::new(Pool::<Line>::new());
        let key = create(&pool, 1);
        let theirs = Arc::clone(&pool);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let theirs = Arc::clone(&pool);
        let creator = machine.spawn_without_rseq(move || {
            assert!(theirs.clear(key));
            let next = create(&theirs, 2);
            assert_ne!(next, key);
            assert_eq!(read(&theirs, next), Some(2));
            assert!(theirs.clear(next));
        });
        let read = reader.join().unwrap();
        creator.join().unwrap();
        READ.saw((read, pool.get(key).is_some()));
        drop(pool);
    });
    READ.assert_exactly([(None, false), (Some(1), false)]);
}

/// Two threads have slots of their own, or one after the other the same one.
#[test]
fn create_and_clear_against_the_same() {
    static SAME: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let pool = Arc::new(Pool::<Line>::new());
        let first = create(&pool, 9);
        assert!(pool.clear(first));
        let threads = [1, 2].map(|with| {
            let theirs = Arc::clone(&pool);
            machine.spawn_on(0, move || {
                let key = create(&theirs, with);
                assert_eq!(read(&theirs, key), Some(with));
                assert!(theirs.clear(key));
                key
            })
        });
        let keys = threads.map(|thread| thread.join().unwrap());
        assert_ne!(keys[0], keys[1], "one key for two values");
        let slot = |key: usize| key & 0xffff;
        SAME.saw(slot(keys[0]) == slot(keys[1]));
        drop(pool);
    });
    SAME.assert_exactly([false, true]);
}

/// A creation that ends beside who clears it: cleared once, by either.
#[test]
fn clear_against_create() {
    static CLEARED: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let pool = Arc::new(Pool::<Line>::new());
        let line = Arc::clone(&pool).create_owned().unwrap();
        line.fill(1);
        let key = line.key();
        let creator = machine.spawn_on(0, move || drop(line));
        let theirs = Arc::clone(&pool);
        let clears = machine.spawn_without_rseq(move || theirs.clear(key));
        creator.join().unwrap();
        CLEARED.saw(clears.join().unwrap());
        assert!(pool.get(key).is_none());
        assert_eq!(read(&pool, create(&pool, 2)), Some(2));
        drop(pool);
    });
    CLEARED.assert_exactly([true]);
}
