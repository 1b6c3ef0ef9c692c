//! [`Removed`]: values that nobody can find any more, each waiting for who may have it.
//!
//! They wait in batches: a grace period for each batch, and not for each value. Nothing
//! runs by itself: who removes takes a step, or who finds its CPU out of free slots.

use std::collections::VecDeque;

use percpu_core::__raw::{Mutex, mutated};
use percpu_core::atomic::{AtomicUsize, Ordering};
use percpu_counter::{__raw as raw, Domain, GracePeriod};

use super::key::Key;

/// Keys of values that were removed and not dropped.
pub(super) struct Removed {
    queue: Mutex<Queue>,
    /// How many there are: for who only wants to know whether to look.
    pending: AtomicUsize,
    batch: usize,
}

#[derive(Default)]
struct Queue {
    /// No grace period was asked for.
    open: Vec<Key>,
    waiting: VecDeque<(GracePeriod, Vec<Key>)>,
}

impl Queue {
    /// Asks for the grace period of those that came since the last time.
    fn seal(&mut self, domain: &Domain) {
        if !self.open.is_empty() {
            let batch = core::mem::take(&mut self.open);
            self.waiting.push_back((raw::ask(domain), batch));
        }
    }
}

impl Removed {
    /// Waits for grace periods with `batch` values each.
    pub(super) fn new(batch: usize) -> Self {
        Self { queue: Mutex::new(Queue::default()), pending: AtomicUsize::new(0), batch }
    }

    /// Adds a value that cannot be found any more; whether a batch is complete, so that
    /// it is time for a step.
    pub(super) fn add(&self, key: Key, domain: &Domain) -> bool {
        let mut queue = self.queue.lock();
        queue.open.push(key);
        // Relaxed: a hint; what it is about is under the lock.
        self.pending.fetch_add(1, Ordering::Relaxed);
        let is_complete = queue.open.len() >= self.batch;
        if is_complete {
            queue.seal(domain);
        }
        is_complete
    }

    /// Asks for all that are here.
    pub(super) fn seal(&self, domain: &Domain) {
        self.queue.lock().seal(domain);
    }

    /// Takes those that nobody has any more; to be dropped with no lock held.
    pub(super) fn ready(&self, domain: &Domain) -> Vec<Key> {
        let mut ready = Vec::new();
        let mut queue = self.queue.lock();
        while let Some((asked, _)) = queue.waiting.front() {
            if !domain.is_past(*asked) && !mutated("removed_at_once") {
                break;
            }
            ready.extend(queue.waiting.pop_front().into_iter().flat_map(|(_, batch)| batch));
        }
        self.pending.fetch_sub(ready.len(), Ordering::Relaxed);
        ready
    }

    /// Takes all: nobody reads, and nobody else is here.
    pub(super) fn take_all(&mut self) -> Vec<Key> {
        let mut queue = self.queue.lock();
        let mut all = core::mem::take(&mut queue.open);
        all.extend(queue.waiting.drain(..).flat_map(|(_, batch)| batch));
        self.pending.store(0, Ordering::Relaxed);
        all
    }

    /// How many are here.
    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}
