//! [`WordLock`]: a lock of 32 bits, for the copies that sections do not change.
//!
//! Three states: free, held, held with somebody asleep. Orderings: each way in
//! acquires what `unlock` released.

use core::fmt;

use super::sync;
use crate::atomic::{AtomicU32, Ordering};
use crate::mutate::{mutated, order};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

pub(crate) struct WordLock(AtomicU32);

impl WordLock {
    #[cfg(not(percpu_loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    #[cfg(percpu_loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    /// Takes the lock if it is free. Never waits.
    pub(crate) fn try_lock(&self) -> bool {
        // Acquire: partner is the release in `unlock`.
        let taken = match mutated("word_lock_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        self.0.compare_exchange(FREE, HELD, taken, Ordering::Relaxed).is_ok()
    }

    /// Takes the lock, asleep until it is free. Not for who may have
    /// interrupted the holder on its own thread.
    pub(crate) fn lock(&self) {
        if self.try_lock() {
            return;
        }
        // Acquire: as above. Whoever waited cannot know whether others do.
        while self.0.swap(CONTENDED, order(Ordering::Acquire, "word_lock_wait_relaxed")) != FREE {
            sync::wait(&self.0, CONTENDED, None);
        }
    }

    /// Only by the holder.
    pub(crate) fn unlock(&self) {
        // Release: partners are the acquires above.
        let was = self.0.swap(FREE, order(Ordering::Release, "word_unlock_relaxed"));
        if was == CONTENDED && !mutated("word_lock_no_wake") {
            sync::wake_all(&self.0);
        }
    }
}

impl fmt::Debug for WordLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WordLock").field(&(self.0.load(Ordering::Relaxed) != FREE)).finish()
    }
}
