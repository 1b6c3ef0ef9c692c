//! A counted slot: what a guard reads stays until it is gone, and every value ends once.
//!
//! # Safety
//!
//! Shares loom's cells between threads; loom fails an execution in which two accesses
//! are not ordered.

#![allow(unsafe_code)]

use std::sync::Arc;

use percpu_core::atomic::{AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Release};
use percpu_core::model::loom::{cell::Cell, thread::yield_now};
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::__model::{Marked, State};

/// Of a slot without a value.
const NOTHING: u32 = 99;
/// All bits of a generation count.
const ALL: u32 = u32::MAX;

struct Place {
    word: AtomicU64,
    value: Cell<u32>,
    /// How many values have ended.
    ended: AtomicUsize,
}

// SAFETY: loom orders the accesses, or fails.
unsafe impl Sync for Place {}
// SAFETY: as above.
unsafe impl Send for Place {}

impl Place {
    /// With a value of generation 0, its own number.
    fn occupied() -> Arc<Self> {
        let place = Self::free();
        place.insert(0);
        place
    }

    fn free() -> Arc<Self> {
        let (word, ended) = (AtomicU64::new(0), AtomicUsize::new(0));
        Arc::new(Self { word, value: Cell::new(NOTHING), ended })
    }

    fn state(&self) -> State<'_> {
        State(&self.word)
    }

    /// By who was given the slot; the value is the generation that it is to have.
    fn insert(&self, generation: u32) {
        self.value.set(generation);
        self.state().publish();
    }

    /// By who has the value to itself.
    fn end(&self) {
        assert_ne!(self.value.get(), NOTHING, "ended twice");
        self.value.set(NOTHING);
        self.state().free(false);
        // As a list of free slots would have it.
        self.ended.fetch_add(1, Release);
    }

    /// Whether there was something to read.
    fn get(&self, generation: u32) -> bool {
        let found = self.state().acquire(generation, ALL);
        if found {
            self.read(generation);
        }
        found
    }

    fn read(&self, generation: u32) {
        assert_eq!(self.value.get(), generation, "read before its begin or after its end");
        if self.state().release() {
            self.end();
        }
    }

    fn remove(&self, generation: u32) -> Marked {
        let marked = self.state().mark(generation, ALL);
        if marked == Marked::Yours {
            self.end();
        }
        marked
    }

    fn take(&self, generation: u32) -> bool {
        let found = self.state().take(generation, ALL);
        if found {
            while !self.state().is_alone() {
                yield_now();
            }
            self.end();
        }
        found
    }

    fn ended(&self) -> usize {
        self.ended.load(Acquire)
    }
}

/// Of a reader and who removes, one ends the value, after the read.
#[test]
fn get_against_remove() {
    static SEEN: Outcomes<(bool, Marked)> = Outcomes::new();
    Builder::new().check(|machine| {
        let place = Place::occupied();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || theirs.get(0));
        let theirs = Arc::clone(&place);
        let remover = machine.spawn_on(1, move || theirs.remove(0));
        let outcome = (reader.join().unwrap(), remover.join().unwrap());
        assert_eq!(place.ended(), 1);
        SEEN.saw(outcome);
    });
    SEEN.assert_exactly([(false, Marked::Yours), (true, Marked::Yours), (true, Marked::Deferred)]);
}

/// Nobody begins to read what was removed for somebody else's end.
#[test]
fn get_against_get_and_remove() {
    static SEEN: Outcomes<(usize, Marked)> = Outcomes::new();
    Builder::new().check(|machine| {
        let place = Place::occupied();
        let readers = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&place);
            machine.spawn_on(cpu, move || theirs.get(0))
        });
        let theirs = Arc::clone(&place);
        let remover = machine.spawn_on(1, move || theirs.remove(0));
        let read = readers.map(|reader| reader.join().unwrap());
        let read = read.into_iter().filter(|&found| found).count();
        let outcome = (read, remover.join().unwrap());
        assert_eq!(place.ended(), 1);
        SEEN.saw(outcome);
    });
    SEEN.assert_exactly([
        (0, Marked::Yours),
        (1, Marked::Yours),
        (2, Marked::Yours),
        (1, Marked::Deferred),
        (2, Marked::Deferred),
    ]);
}

/// Two guards are dropped while the value is removed: one of three ends it.
#[test]
fn last_drop_against_last_drop_and_remove() {
    static SEEN: Outcomes<Marked> = Outcomes::new();
    Builder::new().check(|machine| {
        let place = Place::occupied();
        assert!(place.state().acquire(0, ALL) && place.state().acquire(0, ALL));
        let readers = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&place);
            machine.spawn_on(cpu, move || theirs.read(0))
        });
        let theirs = Arc::clone(&place);
        let remover = machine.spawn_on(1, move || theirs.remove(0));
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        SEEN.saw(remover.join().unwrap());
        assert_eq!(place.ended(), 1);
    });
    SEEN.assert_exactly([Marked::Yours, Marked::Deferred]);
}

/// A value is removed for one of two, and ends once.
#[test]
fn remove_against_remove_and_get() {
    static SEEN: Outcomes<usize> = Outcomes::new();
    Builder::new().check(|machine| {
        let place = Place::occupied();
        let removers = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&place);
            machine.spawn_on(cpu, move || theirs.remove(0))
        });
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || theirs.get(0));
        let removed = removers.map(|remover| remover.join().unwrap());
        reader.join().unwrap();
        let absent = removed.iter().filter(|&&marked| marked == Marked::Absent).count();
        SEEN.saw(absent);
        assert_eq!(place.ended(), 1);
    });
    SEEN.assert_exactly([1]);
}

/// Who takes has the value after the last reader, and to itself.
#[test]
fn take_against_get_and_remove() {
    static SEEN: Outcomes<(bool, bool, Marked)> = Outcomes::new();
    Builder::new().check(|machine| {
        let place = Place::occupied();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || theirs.get(0));
        let theirs = Arc::clone(&place);
        let remover = machine.spawn_on(0, move || theirs.remove(0));
        let theirs = Arc::clone(&place);
        let taker = machine.spawn_on(1, move || theirs.take(0));
        let outcome = (reader.join().unwrap(), taker.join().unwrap(), remover.join().unwrap());
        assert_eq!(place.ended(), 1);
        SEEN.saw(outcome);
    });
    SEEN.assert_exactly([
        (true, true, Marked::Absent),
        (false, true, Marked::Absent),
        (true, false, Marked::Deferred),
        (true, false, Marked::Yours),
        (false, false, Marked::Yours),
    ]);
}

/// The slot's next value is found by its own key and by no older one.
#[test]
fn create_against_get_of_a_stale_key() {
    static SEEN: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().check(|machine| {
        let place = Place::occupied();
        let theirs = Arc::clone(&place);
        let creator = machine.spawn_on(0, move || {
            // Nobody else removes: it is this thread's, or a reader's.
            while theirs.ended() == 0 {
                if theirs.remove(0) != Marked::Yours {
                    yield_now();
                }
            }
            theirs.insert(1);
        });
        let readers = [0, 1].map(|generation| {
            let theirs = Arc::clone(&place);
            machine.spawn_on(1, move || theirs.get(generation))
        });
        creator.join().unwrap();
        let [old, new] = readers.map(|reader| reader.join().unwrap());
        assert_eq!(place.ended(), 1);
        SEEN.saw((old, new));
    });
    SEEN.assert_exactly([(false, false), (false, true), (true, false), (true, true)]);
}

/// A value is found as its creator left it, once the creator is done with it.
#[test]
fn get_against_create() {
    static SEEN: Outcomes<bool> = Outcomes::new();
    Builder::new().check(|machine| {
        let place = Place::free();
        let theirs = Arc::clone(&place);
        let creator = machine.spawn_on(0, move || {
            theirs.state().begin();
            theirs.value.set(0);
            assert!(theirs.state().finish(false));
        });
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(1, move || theirs.get(0));
        creator.join().unwrap();
        SEEN.saw(reader.join().unwrap());
    });
    SEEN.assert_exactly([false, true]);
}

/// What is discarded while it is created is ended by its creator, or by whom it let
/// read: once, and not before.
fn discard_against_finish(reference: bool) {
    static SEEN: [Outcomes<(Marked, bool)>; 2] = [Outcomes::new(), Outcomes::new()];
    let seen = &SEEN[usize::from(reference)];
    Builder::new().check(move |machine| {
        let place = Place::free();
        place.value.set(0);
        place.state().begin();
        let theirs = Arc::clone(&place);
        let creator = machine.spawn_on(0, move || {
            theirs.value.set(0);
            let present = theirs.state().finish(reference);
            if reference {
                theirs.read(0);
            } else if !present {
                theirs.end();
            }
            present
        });
        let theirs = Arc::clone(&place);
        let remover = machine.spawn_on(1, move || theirs.remove(0));
        let outcome = (remover.join().unwrap(), creator.join().unwrap());
        assert_eq!(place.ended(), 1, "{outcome:?}");
        seen.saw(outcome);
    });
    let exactly = if reference {
        vec![(Marked::Deferred, false), (Marked::Deferred, true), (Marked::Yours, true)]
    } else {
        vec![(Marked::Deferred, false), (Marked::Yours, true)]
    };
    seen.assert_exactly(exactly);
}

/// As above, where the creator keeps nothing.
#[test]
fn discard_against_end_of_creation() {
    discard_against_finish(false);
}

/// As above, where the creator reads on.
#[test]
fn discard_against_downgrade() {
    discard_against_finish(true);
}
