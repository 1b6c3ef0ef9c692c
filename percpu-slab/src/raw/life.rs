//! [`Life`]: whether something is used beside its end; for models.
//!
//! # Safety
//! Nothing is in the cell that is shared.

#![allow(unsafe_code)]

use percpu_core::model::loom::cell::UnsafeCell;

/// A use is a read and the end a write: loom demands that each read happens before.
pub(super) struct Life(UnsafeCell<()>);

impl Life {
    pub(super) fn new() -> Self {
        Self(UnsafeCell::new(()))
    }

    pub(super) fn is_used(&self) {
        // A failure is told once.
        if !std::thread::panicking() {
            self.0.with(|_| ());
        }
    }

    /// Whoever ends it is told so: nobody uses it any more.
    pub(super) fn ends(&self) {
        if !std::thread::panicking() {
            self.0.with_mut(|_| ());
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.ends();
    }
}

// SAFETY: nothing is in the cell.
unsafe impl Sync for Life {}
