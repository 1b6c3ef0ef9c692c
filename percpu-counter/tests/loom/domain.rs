//! `Domain`: what a section found stays until its end, whoever waits for it and in
//! whichever way; who waits together shares.
//!
//! # Safety
//!
//! Shares loom's cells between threads; loom fails an execution in which two accesses
//! are not ordered.

#![allow(unsafe_code)]

use std::sync::Arc;

use percpu_core::atomic::{AtomicUsize, Ordering::Relaxed};
use percpu_core::model::loom::{cell::Cell, thread::yield_now};
use percpu_core::model::{Builder, Outcomes};
use percpu_counter::Domain;

const POISON: u32 = 99;

/// A value that may be replaced by another one, and is written over then.
struct Slot {
    /// Which of the two is found.
    current: AtomicUsize,
    values: [Cell<u32>; 2],
}

// SAFETY: loom orders the accesses, or fails.
unsafe impl Sync for Slot {}
// SAFETY: as above.
unsafe impl Send for Slot {}

impl Slot {
    fn new() -> Self {
        Self { current: AtomicUsize::new(0), values: [Cell::new(0), Cell::new(1)] }
    }

    /// Which one is found, in a section.
    fn find(&self) -> usize {
        // Relaxed: the domain is all there is to order it.
        let found = self.current.load(Relaxed);
        assert_eq!(self.values[found].get() as usize, found, "read after its end");
        found
    }

    /// From now on the other one is found.
    fn replace(&self) {
        self.current.store(1, Relaxed);
    }

    /// Nobody has the first one any more.
    fn poison(&self) {
        self.values[0].set(POISON);
    }
}

struct Place {
    domain: Domain,
    slots: [Slot; 2],
}

impl Place {
    fn new() -> Arc<Self> {
        Arc::new(Self { domain: Domain::new().unwrap(), slots: [Slot::new(), Slot::new()] })
    }

    fn read(&self) -> usize {
        self.domain.with(|| self.slots[0].find())
    }

    fn replace_and_wait(&self, slot: usize) {
        self.slots[slot].replace();
        self.domain.synchronize().unwrap();
        self.slots[slot].poison();
    }
}

/// A section is in the sum that is waited for, or finds what is new.
#[test]
fn section_against_synchronize() {
    static FOUND: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || theirs.read());
        let writer = machine.spawn_without_rseq(move || place.replace_and_wait(0));
        FOUND.saw(reader.join().unwrap());
        writer.join().unwrap();
    });
    FOUND.assert_exactly([0, 1]);
}

/// The same by addition, fence and second look, among threads with sections.
#[test]
fn reader_without_rseq_against_synchronize() {
    static FOUND: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_without_rseq(move || theirs.read());
        let writer = machine.spawn_on(0, move || place.replace_and_wait(0));
        FOUND.saw(reader.join().unwrap());
        writer.join().unwrap();
    });
    FOUND.assert_exactly([0, 1]);
}

/// And where nobody has any. Two sections: the second one may begin by the new word.
#[test]
fn portable_read_against_synchronize() {
    static FOUND: Outcomes<(usize, usize)> = Outcomes::new();
    Builder::new().cpus(1).portable().preemptions(3).check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || (theirs.read(), theirs.read()));
        let writer = machine.spawn_on(0, move || place.replace_and_wait(0));
        FOUND.saw(reader.join().unwrap());
        writer.join().unwrap();
    });
    FOUND.assert_exactly([(0, 0), (0, 1), (1, 1)]);
}

/// Entered on one CPU, left on the other: only the sum tells.
#[test]
fn reader_that_leaves_on_another_cpu() {
    static FOUND: Outcomes<usize> = Outcomes::new();
    Builder::new().check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(1, move || {
            let _reading = theirs.domain.read();
            let found = theirs.slots[0].find();
            machine.migrate(0);
            found
        });
        let writer = machine.spawn_on(0, move || place.replace_and_wait(0));
        FOUND.saw(reader.join().unwrap());
        writer.join().unwrap();
    });
    FOUND.assert_exactly([0, 1]);
}

/// Reads both slots in one section; each is replaced in a grace period of its own.
fn two_grace_periods(place: &Place) {
    place.replace_and_wait(0);
    place.replace_and_wait(1);
}

fn read_both(place: &Place) -> [usize; 2] {
    place.domain.with(|| [place.slots[0].find(), place.slots[1].find()])
}

/// A section that went in too late would be by the word that the next grace period
/// does not wait for.
#[test]
fn section_against_two_grace_periods() {
    static FOUND: Outcomes<[usize; 2]> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(3).check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || read_both(&theirs));
        let writer = machine.spawn_without_rseq(move || two_grace_periods(&place));
        FOUND.saw(reader.join().unwrap());
        writer.join().unwrap();
    });
    FOUND.assert_exactly([[0, 0], [1, 0], [1, 1]]);
}

/// The same by the second look. And a turn that comes back: who looked long ago takes
/// it for the same one, and is right to.
#[test]
fn portable_read_against_two_grace_periods() {
    static FOUND: Outcomes<[usize; 2]> = Outcomes::new();
    Builder::new().cpus(1).portable().preemptions(3).check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || read_both(&theirs));
        let writer = machine.spawn_on(0, move || two_grace_periods(&place));
        FOUND.saw(reader.join().unwrap());
        writer.join().unwrap();
    });
    FOUND.assert_exactly([[0, 0], [1, 0], [1, 1]]);
}

/// Two who wait: together or one after the other, each for the readers of its own
/// moment.
#[test]
fn synchronize_against_synchronize() {
    static FOUND: Outcomes<[usize; 2]> = Outcomes::new();
    static PERIODS: Outcomes<u64> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || read_both(&theirs));
        let writers = [0, 1].map(|slot| {
            let theirs = Arc::clone(&place);
            machine.spawn_without_rseq(move || theirs.replace_and_wait(slot))
        });
        FOUND.saw(reader.join().unwrap());
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        PERIODS.saw(place.domain.grace_periods());
    });
    FOUND.assert_exactly([[0, 0], [0, 1], [1, 0], [1, 1]]);
    PERIODS.assert_exactly([1, 2]);
}

/// Who waits for a grace period that another thread, which asked for nothing, takes from
/// its start to its end: what came before the wait began is seen by who enters later.
#[test]
fn synchronize_against_poll() {
    static FOUND: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let place = Place::new();
        place.domain.defer(|| ());
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || theirs.read());
        let theirs = Arc::clone(&place);
        let poller = machine.spawn_without_rseq(move || theirs.domain.poll().unwrap());
        let writer = machine.spawn_without_rseq(move || place.replace_and_wait(0));
        FOUND.saw(reader.join().unwrap());
        poller.join().unwrap();
        writer.join().unwrap();
    });
    FOUND.assert_exactly([0, 1]);
}

/// Who asked for a grace period that another thread takes to its end.
#[test]
fn token_against_read_and_poll() {
    static FOUND: Outcomes<(usize, [bool; 3])> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || theirs.read());
        let theirs = Arc::clone(&place);
        let poller = machine.spawn_on(0, move || theirs.domain.poll().unwrap());
        let writer = machine.spawn_without_rseq(move || {
            let (domain, slot) = (&place.domain, &place.slots[0]);
            slot.replace();
            let readers = domain.start();
            // Each a thing that may have changed since the one before.
            let looks = [(), (), ()].map(|()| {
                yield_now();
                domain.is_past(readers)
            });
            if looks[2] {
                slot.poison();
            }
            looks
        });
        let found = reader.join().unwrap();
        FOUND.saw((found, writer.join().unwrap()));
        poller.join().unwrap();
    });
    let looks = [[false; 3], [false, false, true], [false, true, true], [true; 3]];
    FOUND.assert_exactly(looks.into_iter().flat_map(|looks| [(0, looks), (1, looks)]));
}

/// Callbacks wait in the order of their tickets, whoever defers them.
#[test]
fn defer_against_defer() {
    static RAN: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let place = Place::new();
        let one = Arc::clone(&place);
        let one = machine.spawn_on(0, move || one.domain.defer(|| ()));
        let other = Arc::clone(&place);
        let other = machine.spawn_without_rseq(move || {
            other.domain.defer(|| ());
            other.domain.poll().unwrap();
            other.domain.defer(|| ());
            other.domain.poll().unwrap()
        });
        one.join().unwrap();
        RAN.saw(other.join().unwrap());
        place.domain.barrier().unwrap();
        assert_eq!(place.domain.pending(), 0);
    });
    RAN.assert_seen([1, 2]);
}

/// Who waits for what was deferred finds it done, though another thread runs it and a
/// third one runs what was deferred later.
#[test]
fn barrier_against_callbacks_elsewhere() {
    static LATER: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let place = Place::new();
        let theirs = Arc::clone(&place);
        // Two steps: somebody may look in between.
        place.domain.defer(move || {
            yield_now();
            theirs.slots[0].replace();
        });
        let runs = Arc::clone(&place);
        let runs = machine.spawn_on(0, move || runs.domain.poll().unwrap());
        let waits = Arc::clone(&place);
        let waits = machine.spawn_without_rseq(move || {
            waits.domain.barrier().unwrap();
            assert_eq!(waits.slots[0].current.load(Relaxed), 1, "not done yet");
        });
        let defers = Arc::clone(&place);
        let defers = machine.spawn_without_rseq(move || {
            defers.domain.defer(|| ());
            defers.domain.poll().unwrap() > 0
        });
        runs.join().unwrap();
        waits.join().unwrap();
        LATER.saw(defers.join().unwrap());
    });
    LATER.assert_exactly([true, false]);
}

/// A callback runs once, in the thread that defers, in one that polls, or when the
/// domain goes; never while a section is there that found what it writes over.
#[test]
fn defer_against_read_and_poll() {
    static FOUND: Outcomes<(usize, usize)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let place = Place::new();
        let reader = Arc::clone(&place);
        let reader = machine.spawn_on(0, move || reader.read());
        let poller = Arc::clone(&place);
        let poller = machine.spawn_on(0, move || poller.domain.poll().unwrap());
        let writer = Arc::clone(&place);
        let writer = machine.spawn_without_rseq(move || {
            writer.slots[0].replace();
            let slot = Arc::clone(&writer);
            writer.domain.defer(move || slot.slots[0].poison());
            writer.domain.poll().unwrap()
        });
        let found = reader.join().unwrap();
        let ran = poller.join().unwrap() + writer.join().unwrap();
        assert!(ran <= 1, "ran twice");
        place.domain.barrier().unwrap();
        assert_eq!(place.slots[0].values[0].get(), POISON, "did not run");
        FOUND.saw((found, ran));
    });
    FOUND.assert_exactly([(0, 0), (0, 1), (1, 0), (1, 1)]);
}
