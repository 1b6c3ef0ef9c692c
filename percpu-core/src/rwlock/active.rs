//! [`Active`]: readers counted in one shared word, and the writer that waits until
//! there is none.
//!
//! # Orderings
//! - Reader to writer: subtracted Release, read Acquire. All changes in between are
//!   read-modify-writes, so the last one that is read stands for all.
//! - No lost wake-up: the bit [`WAITING`] is in the word itself, so the reader whose
//!   subtraction leaves only that knows. It changes `drained` (Release) before it
//!   wakes; the writer has loaded that (Acquire) before it looked at the word, so it
//!   either sees the word as that reader left it, or sleeps on an old value.

use core::time::Duration;

use super::queue::Until;
use crate::atomic::{AtomicI64, AtomicU32, Ordering};
use crate::mutate::{mutated, order};
use crate::sys::sync;

/// One reader.
const READER: i64 = 2;
/// A writer waits until there is none.
const WAITING: i64 = 1;

/// Below zero while readers that are counted elsewhere left here.
pub(crate) struct Active {
    word: AtomicI64,
    /// Changes when the last reader has left.
    drained: AtomicU32,
}

impl Active {
    /// Nobody.
    #[cfg(not(percpu_loom))]
    pub(crate) const fn new() -> Self {
        Self { word: AtomicI64::new(0), drained: AtomicU32::new(0) }
    }

    /// Nobody.
    #[cfg(percpu_loom)]
    pub(crate) fn new() -> Self {
        Self { word: AtomicI64::new(0), drained: AtomicU32::new(0) }
    }

    /// How many are counted here.
    pub(crate) fn readers(&self) -> i64 {
        self.word.load(Ordering::Relaxed) >> 1
    }

    /// Readers come in: under the lock that a writer takes before it waits for them.
    pub(crate) fn enter(&self, readers: u64) {
        // Relaxed: ordered by that lock.
        self.word.fetch_add(READER.wrapping_mul(readers.cast_signed()), Ordering::Relaxed);
    }

    /// A reader leaves.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave(&self) {
        let released = match mutated("rwlock_left_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Release,
        };
        if self.word.fetch_sub(READER, released) == READER + WAITING {
            self.drained.fetch_add(1, order(Ordering::Release, "rwlock_told_relaxed"));
            if !mutated("rwlock_writer_not_woken") {
                sync::wake_all(&self.drained);
            }
        }
    }

    /// Counts those that were taken elsewhere, and waits until all have left; whether
    /// they did before the time was up. By one writer at a time, while nobody enters.
    pub(crate) fn drain(&self, taken: u64, until: Until) -> bool {
        let acquired = match mutated("rwlock_drained_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        // Wraps: they are counted modulo 2^64, and so is who left here.
        let more = WAITING.wrapping_add(READER.wrapping_mul(taken.cast_signed()));
        let mut now = self.word.fetch_add(more, acquired).wrapping_add(more);
        while now != WAITING {
            let told = self.drained.load(order(Ordering::Acquire, "rwlock_look_relaxed"));
            now = self.word.load(acquired);
            if now == WAITING {
                break;
            }
            match until.left() {
                Some(Duration::ZERO) => {
                    now = self.word.fetch_sub(WAITING, acquired);
                    if now != WAITING {
                        return false;
                    }
                }
                limit => sync::wait(&self.drained, told, limit),
            }
        }
        // Relaxed: nobody is in, and nobody enters.
        self.word.store(0, Ordering::Relaxed);
        true
    }
}
