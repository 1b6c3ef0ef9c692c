//! `Slab`: a reference is good until its section ends, whoever takes the value out and
//! in whichever way; each value goes once; an old key finds nothing.
//!
//! # Safety
//!
//! Shares loom's cells between threads; loom fails an execution in which two accesses
//! are not ordered.

#![allow(unsafe_code)]

use std::sync::Arc;

use percpu_core::model::loom::cell::Cell;
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::keyed::{SlabBuilder, TryTakeError};
use percpu_slab::raw::MagazineOptions;
use percpu_slab::{__model::Life, Key, Slab};

const POISON: u32 = 99;

/// Written over when it is dropped.
struct Value(Cell<u32>);

// SAFETY: loom orders the accesses, or fails.
unsafe impl Sync for Value {}
// SAFETY: as above.
unsafe impl Send for Value {}

impl Value {
    fn new(number: u32) -> Self {
        Self(Cell::new(number))
    }

    fn number(&self) -> u32 {
        let number = self.0.get();
        assert_ne!(number, POISON, "read after its end");
        number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // A failure is told once.
        if !std::thread::panicking() {
            self.0.set(POISON);
        }
    }
}

fn builder() -> SlabBuilder<Value> {
    let magazines = MagazineOptions {
        magazine: 1,
        magazines: 1,
        max_magazines: 1,
        depot: 0,
        ..Default::default()
    };
    Slab::builder().magazines(magazines).removed(1)
}

/// A slab with one value, of number 1, which was read before or not.
fn slab(is_read: bool) -> (Arc<Slab<Value>>, Key) {
    let slab = builder().build().unwrap();
    let key = slab.insert(Value::new(1)).unwrap();
    if is_read {
        assert_eq!(slab.with(key, Value::number), Some(1));
    }
    (Arc::new(slab), key)
}

fn read(slab: &Slab<Value>, key: Key) -> Option<u32> {
    slab.with(key, Value::number)
}

fn taken(value: Option<Value>) -> Option<u32> {
    value.map(|value| value.number())
}

#[test]
fn get_against_take_of_what_nobody_has_read() {
    static FOUND: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let (slab, key) = slab(false);
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let theirs = Arc::clone(&slab);
        let taker = machine.spawn_without_rseq(move || taken(theirs.take(key)));
        FOUND.saw(reader.join().unwrap());
        assert_eq!(taker.join().unwrap(), Some(1));
        assert!(slab.is_empty());
    });
    FOUND.assert_exactly([None, Some(1)]);
}

#[test]
fn get_against_take_of_what_was_read() {
    static FOUND: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let (slab, key) = slab(true);
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let theirs = Arc::clone(&slab);
        let taker = machine.spawn_without_rseq(move || taken(theirs.take(key)));
        FOUND.saw(reader.join().unwrap());
        assert_eq!(taker.join().unwrap(), Some(1));
        assert!(slab.is_empty());
    });
    FOUND.assert_exactly([None, Some(1)]);
}

/// Removed, dropped when it may be, and its slot used again.
#[test]
fn get_against_remove_and_the_next_value() {
    static FOUND: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let (slab, key) = slab(true);
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let theirs = Arc::clone(&slab);
        let remover = machine.spawn_without_rseq(move || {
            assert!(theirs.remove(key));
            let next = theirs.insert(Value::new(2)).unwrap();
            assert_ne!(next, key);
            assert_eq!(read(&theirs, next), Some(2));
        });
        FOUND.saw(reader.join().unwrap());
        remover.join().unwrap();
        // loom does not know std's `Arc`: the last one goes here.
        drop(slab);
    });
    FOUND.assert_exactly([None, Some(1)]);
}

#[test]
fn try_take_against_get() {
    static SEEN: Outcomes<(Option<u32>, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let (slab, key) = slab(true);
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let theirs = Arc::clone(&slab);
        let taker = machine.spawn_without_rseq(move || match theirs.try_take(key) {
            Ok(value) => Some(value.number()),
            Err(error) => {
                assert_eq!(error, TryTakeError::Busy);
                None
            }
        });
        let (found, took) = (reader.join().unwrap(), taker.join().unwrap());
        assert!(found.is_some() || took.is_some(), "nobody had it");
        SEEN.saw((found, took.is_some()));
        // Whoever was busy left it to be taken.
        assert_eq!(taken(slab.take(key)).is_some(), took.is_none());
    });
    SEEN.assert_exactly([(None, true), (Some(1), true), (Some(1), false)]);
}

/// While one finds out whether somebody reads, the other must not take its word for it.
#[test]
fn try_take_against_take_and_get() {
    static SEEN: Outcomes<(Option<u32>, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let (slab, key) = slab(true);
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let theirs = Arc::clone(&slab);
        let trier = machine.spawn_on(0, move || theirs.try_take(key).ok().map(|v| v.number()));
        let theirs = Arc::clone(&slab);
        let taker = machine.spawn_without_rseq(move || taken(theirs.take(key)));
        let found = reader.join().unwrap();
        let (tried, took) = (trier.join().unwrap(), taker.join().unwrap());
        assert_eq!(tried.is_some() as u8 + took.is_some() as u8, 1, "it goes once");
        SEEN.saw((found, took.is_some()));
        drop(slab);
    });
    SEEN.assert_seen([(None, true), (Some(1), true), (None, false), (Some(1), false)]);
}

#[test]
fn try_take_against_try_take_and_get() {
    static SEEN: Outcomes<(Option<u32>, u8)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let (slab, key) = slab(true);
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let triers = [0, 1].map(|_| {
            let theirs = Arc::clone(&slab);
            machine.spawn_without_rseq(move || theirs.try_take(key).map(|v| v.number()).is_ok())
        });
        let found = reader.join().unwrap();
        let took = triers.map(|trier| u8::from(trier.join().unwrap())).iter().sum();
        assert!(took <= 1);
        SEEN.saw((found, took));
    });
    SEEN.assert_seen([(None, 1), (Some(1), 0), (Some(1), 1)]);
}

/// Who sees the state sees the value; and who comes with the key of the one before sees
/// neither.
#[test]
fn insert_against_get_by_old_and_new_key() {
    static FOUND: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let (slab, old) = slab(false);
        assert_eq!(taken(slab.take(old)), Some(1));
        let new = slab.vacant_entry().unwrap().key();
        assert_eq!(new.index(), old.index());
        let theirs = Arc::clone(&slab);
        let inserter = machine.spawn_on(0, move || {
            assert_eq!(theirs.insert(Value::new(2)).unwrap(), new);
            // So that the other one may find that somebody has read it.
            assert_eq!(read(&theirs, new), Some(2));
        });
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_without_rseq(move || {
            assert_eq!(read(&theirs, old), None);
            read(&theirs, new)
        });
        inserter.join().unwrap();
        FOUND.saw(reader.join().unwrap());
        drop(slab);
    });
    FOUND.assert_exactly([None, Some(2)]);
}

#[test]
fn remove_against_remove_of_one_key() {
    static SEEN: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let (slab, key) = slab(false);
        let removers = [0, 1].map(|_| {
            let theirs = Arc::clone(&slab);
            machine.spawn_on(0, move || theirs.remove(key))
        });
        SEEN.saw(removers.map(|remover| remover.join().unwrap()));
        assert!(slab.is_empty());
    });
    SEEN.assert_exactly([[true, false], [false, true]]);
}

/// A page that goes while somebody comes with an old key, and comes back with generations
/// that this key does not have.
#[test]
fn page_that_goes_against_get_and_insert() {
    static FOUND: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let (slab, key) = slab(true);
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let theirs = Arc::clone(&slab);
        let taker = machine.spawn_without_rseq(move || {
            assert_eq!(taken(theirs.take(key)), Some(1));
            assert!(theirs.shrink().unwrap() > 0);
            assert_eq!(theirs.stats().pages, 0);
            let next = theirs.insert(Value::new(2)).unwrap();
            assert_eq!(next.index(), key.index());
            assert_ne!(next, key, "the key of another value");
            assert_eq!(read(&theirs, key), None);
        });
        FOUND.saw(reader.join().unwrap());
        taker.join().unwrap();
        drop(slab);
    });
    FOUND.assert_exactly([None, Some(1)]);
}

/// Who removes by a key that it knew before the value came has the value as it came.
#[test]
fn insert_against_take_by_a_key_known_before() {
    static TAKEN: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let slab = Arc::new(builder().build().unwrap());
        let key = slab.vacant_entry().unwrap().key();
        let theirs = Arc::clone(&slab);
        let inserter = machine.spawn_on(0, move || {
            assert_eq!(theirs.insert(Value::new(2)).unwrap(), key);
        });
        let theirs = Arc::clone(&slab);
        let taker = machine.spawn_without_rseq(move || taken(theirs.take(key)));
        inserter.join().unwrap();
        TAKEN.saw(taker.join().unwrap());
        drop(slab);
    });
    TAKEN.assert_exactly([None, Some(2)]);
}

/// The same, by a try.
#[test]
fn insert_against_try_take_by_a_key_known_before() {
    static TAKEN: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let slab = Arc::new(builder().build().unwrap());
        let key = slab.vacant_entry().unwrap().key();
        let theirs = Arc::clone(&slab);
        let inserter = machine.spawn_on(0, move || {
            assert_eq!(theirs.insert(Value::new(2)).unwrap(), key);
        });
        let theirs = Arc::clone(&slab);
        let taker = machine.spawn_without_rseq(move || taken(theirs.try_take(key).ok()));
        inserter.join().unwrap();
        TAKEN.saw(taker.join().unwrap());
        drop(slab);
    });
    TAKEN.assert_exactly([None, Some(2)]);
}

/// A try that somebody was in the way of leaves a value that somebody may have.
#[test]
fn take_after_a_try_that_failed_against_get() {
    static SEEN: Outcomes<(Option<u32>, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let (slab, key) = slab(true);
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_on(0, move || read(&theirs, key));
        let theirs = Arc::clone(&slab);
        let taker = machine.spawn_without_rseq(move || match theirs.try_take(key) {
            Ok(value) => (value.number(), false),
            Err(_) => (taken(theirs.take(key)).expect("it was left"), true),
        });
        let found = reader.join().unwrap();
        let (number, again) = taker.join().unwrap();
        assert_eq!(number, 1);
        SEEN.saw((found, again));
        drop(slab);
    });
    SEEN.assert_exactly([(None, false), (None, true), (Some(1), false), (Some(1), true)]);
}

/// A value that was claimed and could not be taken is there again, for who comes with its
/// key only then.
#[test]
fn get_against_a_claim_that_is_taken_back() {
    /// A slot's life, and its value.
    struct Place(Life, Cell<u32>);
    // SAFETY: loom orders the accesses, or fails.
    unsafe impl Sync for Place {}
    // SAFETY: as above.
    unsafe impl Send for Place {}
    static SEEN: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let place = Arc::new(Place(Life::vacant(), Cell::new(0)));
        let theirs = Arc::clone(&place);
        let inserter = machine.spawn_on(0, move || {
            theirs.1.set(7);
            theirs.0.fill(3);
        });
        let theirs = Arc::clone(&place);
        let taker = machine.spawn_on(0, move || {
            let claimed = theirs.0.claim(3);
            if claimed {
                theirs.0.unclaim(3);
            }
            claimed
        });
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || {
            let found = theirs.0.read(3);
            assert!(!found || theirs.1.get() == 7, "as it was inserted");
            found
        });
        inserter.join().unwrap();
        SEEN.saw((taker.join().unwrap(), reader.join().unwrap()));
        assert!(place.0.read(3), "it is there");
    });
    SEEN.assert_exactly([(false, false), (false, true), (true, false), (true, true)]);
}

/// A key that nobody has been given yet leads to no slot, or to one that is made: never to
/// one half way.
#[test]
fn get_by_a_guessed_key_against_the_first_slot_of_a_segment() {
    static FOUND: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let slab = Arc::new(builder().build().unwrap());
        let first = slab.insert(Value::new(1)).unwrap();
        let guess = Key::from_u64(u64::from(first.index()) + 1).unwrap();
        let theirs = Arc::clone(&slab);
        let inserter = machine.spawn_on(0, move || {
            assert_eq!(theirs.insert(Value::new(2)).unwrap(), guess);
        });
        let theirs = Arc::clone(&slab);
        let reader = machine.spawn_without_rseq(move || read(&theirs, guess));
        inserter.join().unwrap();
        FOUND.saw(reader.join().unwrap());
        drop(slab);
    });
    FOUND.assert_exactly([None, Some(2)]);
}
