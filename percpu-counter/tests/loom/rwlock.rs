//! Reader-writer locks: nobody is in beside a writer, each sees what the last
//! writer wrote, and nobody sleeps for ever (loom reports that as a deadlock).
//!
//! # Safety
//!
//! What a lock guards may be touched by who has a guard. Locks are taken without
//! guards where threads end with them in hand; each is let go of once.

#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Instant;

use percpu_core::model::loom::cell::UnsafeCell;
use percpu_core::model::loom::thread::JoinHandle;
use percpu_core::model::{Builder, Machine, Outcomes};
use percpu_counter::lock_api::{RawRwLock, RawRwLockDowngrade, RawRwLockTimed};
use percpu_counter::{PerCpuRwLock, RawPerCpuRwLock};

/// A lock and what it guards: loom notices who is in beside a writer, and who
/// does not see what was written before.
struct Guarded {
    lock: RawPerCpuRwLock,
    value: UnsafeCell<u32>,
}

// SAFETY: the value is touched by who is in.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Arc<Self> {
        let lock = RawPerCpuRwLock::new().unwrap();
        Arc::new(Self { lock, value: UnsafeCell::new(0) })
    }

    /// By a reader or writer that is in.
    fn get(&self) -> u32 {
        // SAFETY: readers do not write, and a writer is alone.
        self.value.with(|value| unsafe { *value })
    }

    /// By a writer that is in; how many were before it.
    fn bump(&self) -> u32 {
        self.value.with_mut(|value| {
            // SAFETY: alone.
            let value = unsafe { &mut *value };
            *value += 1;
            *value - 1
        })
    }

    /// By a reader that is in.
    fn read_done(&self) {
        // SAFETY: it is in.
        unsafe { self.lock.unlock_shared() };
    }

    /// By a writer that is in.
    fn write_done(&self) {
        // SAFETY: it is in.
        unsafe { self.lock.unlock_exclusive() };
    }

    /// A reader: in, a look, out.
    fn read(&self) -> u32 {
        self.lock.lock_shared();
        let seen = self.get();
        self.read_done();
        seen
    }

    /// A writer: in, a change, out.
    fn write(&self) -> u32 {
        self.lock.lock_exclusive();
        let before = self.bump();
        self.write_done();
        before
    }
}

fn reader(machine: Machine, cpu: u32, guarded: &Arc<Guarded>) -> JoinHandle<u32> {
    let guarded = Arc::clone(guarded);
    machine.spawn_on(cpu, move || guarded.read())
}

fn writer(machine: Machine, cpu: u32, guarded: &Arc<Guarded>) -> JoinHandle<u32> {
    let guarded = Arc::clone(guarded);
    machine.spawn_on(cpu, move || guarded.write())
}

/// A reader comes in by its CPU's word while a writer closes the switch.
#[test]
fn write_against_read() {
    static SEEN: Outcomes<u32> = Outcomes::new();
    Builder::new().check(|machine| {
        let guarded = Guarded::new();
        let reader = reader(machine, 0, &guarded);
        let writer = writer(machine, 1, &guarded);
        SEEN.saw(reader.join().unwrap());
        assert_eq!(writer.join().unwrap(), 0);
    });
    SEEN.assert_exactly([0, 1]);
}

/// A reader is in and leaves on another CPU, by another thread, while a writer
/// takes the words and waits.
#[test]
fn write_against_leaving_elsewhere() {
    static BEFORE: Outcomes<bool> = Outcomes::new();
    Builder::new().check(|machine| {
        let guarded = Guarded::new();
        guarded.lock.lock_shared();
        let theirs = Arc::clone(&guarded);
        let leaver = machine.spawn_on(1, move || {
            let seen = theirs.get();
            theirs.read_done();
            seen
        });
        let theirs = Arc::clone(&guarded);
        let writer = machine.spawn_on(1, move || {
            let free = theirs.lock.try_lock_exclusive();
            if free {
                theirs.bump();
                theirs.write_done();
            }
            theirs.write();
            free
        });
        assert_eq!(leaver.join().unwrap(), 0);
        BEFORE.saw(writer.join().unwrap());
        assert!(!guarded.lock.is_locked());
    });
    // Found free: the reader had left.
    BEFORE.assert_exactly([false, true]);
}

/// Readers without restartable sequences: their word is frozen by the writer.
#[test]
fn write_against_read_on_the_shared_unit() {
    static SEEN: Outcomes<u32> = Outcomes::new();
    Builder::new().check(|machine| {
        let guarded = Guarded::new();
        let theirs = Arc::clone(&guarded);
        let reader = machine.spawn_without_rseq(move || theirs.read());
        let writer = writer(machine, 1, &guarded);
        SEEN.saw(reader.join().unwrap());
        writer.join().unwrap();
    });
    SEEN.assert_exactly([0, 1]);
}

/// The same in portable mode, with a reader on either unit.
#[test]
fn portable_write_against_reads() {
    static SEEN: Outcomes<[u32; 2]> = Outcomes::new();
    Builder::new().portable().preemptions(2).check(|machine| {
        let guarded = Guarded::new();
        let readers = [0, 1].map(|cpu| reader(machine, cpu, &guarded));
        let writer = writer(machine, 1, &guarded);
        SEEN.saw(readers.map(|reader| reader.join().unwrap()));
        writer.join().unwrap();
    });
    SEEN.assert_exactly([[0, 0], [0, 1], [1, 0], [1, 1]]);
}

/// After a writer: readers count in the shared word, the second opens the switch
/// (in a model it takes no more), while another writer comes.
fn reopening(builder: Builder, shared: bool) -> [bool; 2] {
    static SEEN: Outcomes<(u32, u32)> = Outcomes::new();
    static FENCES: Outcomes<bool> = Outcomes::new();
    builder.check(move |machine| {
        let guarded = Guarded::new();
        guarded.write();
        let theirs = Arc::clone(&guarded);
        let twice = move || (theirs.read(), theirs.read());
        let reader = match shared {
            true => machine.spawn_without_rseq(twice),
            false => machine.spawn_on(0, twice),
        };
        let other = self::reader(machine, 1, &guarded);
        let writer = writer(machine, 1, &guarded);
        let (first, second) = reader.join().unwrap();
        assert!(first <= second && other.join().unwrap() >= 1);
        SEEN.saw((first, second));
        assert_eq!(writer.join().unwrap(), 1);
        // What the lock says of itself: one fence, or two if it was open again.
        FENCES.saw(format!("{:?}", guarded.lock).contains("fences: 2"));
    });
    SEEN.assert_seen([(1, 1), (1, 2), (2, 2)]);
    [false, true].map(|two| FENCES.has_seen(&two))
}

#[test]
fn opening_against_read_and_write() {
    let fences = reopening(Builder::new().faults(0).preemptions(2), false);
    assert_eq!(fences, [true, true], "opened, or not, before the second writer");
}

#[test]
fn portable_opening_against_read_and_write() {
    let fences = reopening(Builder::new().portable().preemptions(2), false);
    assert_eq!(fences, [true, true], "opened, or not, before the second writer");
}

#[test]
fn opening_against_read_on_the_shared_unit_and_write() {
    let fences = reopening(Builder::new().faults(0).preemptions(2), true);
    assert_eq!(fences, [true, true], "opened, or not, before the second writer");
}

/// Writers exclude each other, and the second of them is let in by the first.
#[test]
fn write_against_write_and_read() {
    static ORDER: Outcomes<(u32, u32, u32)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let guarded = Guarded::new();
        let writers = [0, 1].map(|cpu| writer(machine, cpu, &guarded));
        let reader = reader(machine, 0, &guarded);
        let [first, second] = writers.map(|writer| writer.join().unwrap());
        ORDER.saw((first, second, reader.join().unwrap()));
    });
    let orders = [(0, 1), (1, 0)];
    ORDER.assert_exactly(orders.into_iter().flat_map(|(a, b)| [0, 1, 2].map(|seen| (a, b, seen))));
}

/// A writer becomes a reader: the other writer does not come in between.
#[test]
fn downgrade_against_write() {
    static ORDER: Outcomes<(u32, u32)> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let guarded = Guarded::new();
        let theirs = Arc::clone(&guarded);
        let downgrader = machine.spawn_on(0, move || {
            theirs.lock.lock_exclusive();
            let before = theirs.bump();
            // SAFETY: this writer is in.
            unsafe { theirs.lock.downgrade() };
            assert_eq!(theirs.get(), before + 1, "a writer came in between");
            theirs.read_done();
            before
        });
        let writer = writer(machine, 1, &guarded);
        let reader = reader(machine, 1, &guarded);
        ORDER.saw((downgrader.join().unwrap(), writer.join().unwrap()));
        reader.join().unwrap();
    });
    ORDER.assert_exactly([(0, 1), (1, 0)]);
}

/// Who gives up in the queue, or waiting for readers, against who lets it in.
#[test]
fn giving_up_against_being_let_in() {
    static CAME: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let guarded = Guarded::new();
        // The time is up whenever it is looked at.
        let over = Instant::now();
        let writer = writer(machine, 1, &guarded);
        let theirs = Arc::clone(&guarded);
        let writing = machine.spawn_on(1, move || {
            let came = theirs.lock.try_lock_exclusive_until(over);
            if came {
                theirs.bump();
                theirs.write_done();
            }
            came
        });
        let theirs = Arc::clone(&guarded);
        let reading = machine.spawn_on(0, move || {
            let came = theirs.lock.try_lock_shared_until(over);
            if came {
                theirs.get();
                theirs.read_done();
            }
            came
        });
        writer.join().unwrap();
        CAME.saw((writing.join().unwrap(), reading.join().unwrap()));
        assert!(!guarded.lock.is_locked());
        guarded.write();
    });
    CAME.assert_exactly([(true, true), (true, false), (false, true), (false, false)]);
}

/// The form for statics: without words at first, its first reader allocates them.
#[test]
fn first_read_against_write() {
    static SEEN: Outcomes<(u32, u32)> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let lock = RawPerCpuRwLock::INIT;
        let guarded = Arc::new(Guarded { lock, value: UnsafeCell::new(0) });
        // In a model it is made by its first use, which must not be a race.
        assert!(!guarded.lock.is_locked());
        let readers = [0, 1].map(|cpu| reader(machine, cpu, &guarded));
        let writer = writer(machine, 1, &guarded);
        let [a, b] = readers.map(|reader| reader.join().unwrap());
        SEEN.saw((a, b));
        writer.join().unwrap();
    });
    SEEN.assert_exactly([(0, 0), (0, 1), (1, 0), (1, 1)]);
}

/// The whole, with guards: a lock in users' models.
#[test]
fn guards_against_a_writer() {
    static SEEN: Outcomes<usize> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let lock = Arc::new(PerCpuRwLock::new(Vec::new()).unwrap());
        let theirs = Arc::clone(&lock);
        let reader = machine.spawn_on(0, move || theirs.read().len());
        let theirs = Arc::clone(&lock);
        let writer = machine.spawn_on(1, move || theirs.write().push(1));
        SEEN.saw(reader.join().unwrap());
        writer.join().unwrap();
        assert_eq!(*lock.read(), [1]);
    });
    SEEN.assert_exactly([0, 1]);
}
