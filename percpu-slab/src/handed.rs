//! [`Handed`]: how many objects are with somebody, for who waits until none is.
//!
//! # Orderings
//! - What is done to an object: `done` Release, `is_none` Acquire. Each step is a
//!   read-modify-write, so who finds none left comes after all of them.

// Public for models alone.
#![cfg_attr(not(percpu_loom), allow(unreachable_pub))]

use percpu_core::__raw::mutated;
use percpu_core::atomic::{AtomicUsize, Ordering};

/// How many objects are with somebody.
#[derive(Debug, Default)]
pub struct Handed(AtomicUsize);

impl Handed {
    /// So many are handed over next.
    pub fn add(&self, count: usize) {
        // Relaxed: whoever waits was told of these objects, or does not wait for them.
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// All has been done to so many.
    pub fn done(&self, count: usize) {
        let done = match mutated("handed_done_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Release,
        };
        // Release: pairs with the Acquire in `is_none`.
        self.0.fetch_sub(count, done);
    }

    /// Whether none is left; then all that was done to them has happened.
    pub fn is_none(&self) -> bool {
        let seen = match mutated("handed_seen_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        // Acquire: pairs with the Release in `done`.
        self.0.load(seen) == 0
    }

    /// How many there were a moment ago.
    #[cfg(not(percpu_loom))]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
