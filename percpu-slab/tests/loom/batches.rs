//! `Batches`: each item is handed on once; and a batch that waits for an epoch waits long
//! enough for each of its items, whoever hands it over.

use std::sync::Arc;

use percpu_core::__raw::{Mutex, mutated};
use percpu_core::Unit;
use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::raw::Batches;

/// Batches, and what was handed on, in order.
struct Handed {
    batches: Batches,
    items: Mutex<Vec<u64>>,
}

impl Handed {
    fn new() -> Arc<Self> {
        Arc::new(Self { batches: Batches::new(2).unwrap(), items: Mutex::new(Vec::new()) })
    }

    fn push(&self, item: u64) -> usize {
        let mut count = 0;
        self.batches.push(item, |batch| {
            count = batch.len();
            self.items.lock().extend_from_slice(batch);
        });
        count
    }

    fn drain(&self, unit: Unit) -> usize {
        let mut count = 0;
        let hand = |batch: &[u64]| {
            count = batch.len();
            self.items.lock().extend_from_slice(batch);
        };
        self.batches.drain(unit, hand).expect("no filter");
        count
    }

    /// All that was handed on and all that is left.
    fn all(&self) -> Vec<u64> {
        self.batches.flush(|batch| self.items.lock().extend_from_slice(batch)).unwrap();
        let mut all = self.items.lock().clone();
        all.sort_unstable();
        all
    }
}

fn cpu0() -> Unit {
    Unit::all().unwrap().next().unwrap()
}

/// Two items of one CPU, a batch, while somebody drains it.
#[test]
fn pushes_against_drain() {
    static ENDS: Outcomes<(usize, usize)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let handed = Handed::new();
        let theirs = Arc::clone(&handed);
        let pushes = machine.spawn_on(0, move || theirs.push(1) + theirs.push(2));
        let theirs = Arc::clone(&handed);
        let drains = machine.spawn_on(1, move || theirs.drain(cpu0()));
        let ends = (pushes.join().unwrap(), drains.join().unwrap());
        assert_eq!(handed.all(), [1, 2], "lost, or handed on twice");
        ENDS.saw(ends);
    });
    // A push hands on a batch, nothing, or one item that was turned away.
    ENDS.assert_seen([(2, 0), (0, 1), (1, 1), (1, 0)]);
}

/// Two threads of one CPU: whoever makes the batch has the other's item too.
#[test]
fn push_against_push_on_one_cpu() {
    static ENDS: Outcomes<(usize, usize)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let handed = Handed::new();
        let pushes = [1, 2].map(|item| {
            let theirs = Arc::clone(&handed);
            machine.spawn_on(0, move || theirs.push(item))
        });
        let [a, b] = pushes.map(|push| push.join().unwrap());
        assert_eq!(handed.all(), [1, 2], "lost, or handed on twice");
        ENDS.saw((a, b));
    });
    ENDS.assert_seen([(2, 0), (0, 2)]);
}

/// As much of an epoch as matters here: who is pinned when a batch comes is waited for.
struct Epoch {
    state: Mutex<(bool, Vec<u64>)>,
}

/// A structure with one object, which a reader may look at while it is taken out.
struct Structure {
    head: AtomicU64,
    /// Of object 1 and 2: 7 while it may be read.
    objects: [AtomicU64; 2],
    batches: Batches,
    epoch: Epoch,
}

impl Structure {
    fn hand(&self, batch: &[u64]) {
        let mut state = self.epoch.state.lock();
        match state.0 && !mutated("epoch_at_once") {
            true => state.1.extend_from_slice(batch),
            false => self.free(batch),
        }
    }

    /// The object is used for something else.
    fn free(&self, items: &[u64]) {
        items.iter().for_each(|&item| self.objects[item as usize - 1].store(0, Relaxed));
    }

    /// What a reader finds: 0 is nothing.
    fn read(&self) -> u64 {
        self.epoch.state.lock().0 = true;
        let found = self.head.load(Relaxed);
        if found != 0 {
            let value = self.objects[found as usize - 1].load(Relaxed);
            assert_eq!(value, 7, "freed under its reader");
        }
        let mut state = self.epoch.state.lock();
        state.0 = false;
        let waited = std::mem::take(&mut state.1);
        self.free(&waited);
        found
    }
}

/// OC-06: one thread takes the object out and defers its free; another thread of the
/// CPU completes the batch and hands it over, without having seen the structure; a reader
/// elsewhere either does not find the object any more, or is waited for.
#[test]
fn reader_against_a_batch_that_another_thread_hands_over() {
    static FOUND: Outcomes<(u64, bool)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let structure = Arc::new(Structure {
            head: AtomicU64::new(1),
            objects: [AtomicU64::new(7), AtomicU64::new(7)],
            batches: Batches::new(2).unwrap(),
            epoch: Epoch { state: Mutex::new((false, Vec::new())) },
        });
        let theirs = Arc::clone(&structure);
        let takes_out = machine.spawn_on(0, move || {
            theirs.head.store(0, Relaxed);
            theirs.batches.push(1, |batch| theirs.hand(batch));
        });
        let theirs = Arc::clone(&structure);
        let completes =
            machine.spawn_on(0, move || theirs.batches.push(2, |batch| theirs.hand(batch)));
        let theirs = Arc::clone(&structure);
        let reads = machine.spawn_on(1, move || theirs.read());
        takes_out.join().unwrap();
        completes.join().unwrap();
        let found = reads.join().unwrap();
        let freed = structure.objects[0].load(Relaxed) == 0;
        FOUND.saw((found, freed));
        structure.batches.flush(|batch| structure.hand(batch)).unwrap();
        let left = [0, 1].map(|i| structure.objects[i].load(Relaxed));
        assert_eq!(left, [0, 0], "lost");
    });
    FOUND.assert_seen([(0, true), (1, true)]);
}
