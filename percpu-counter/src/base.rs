//! [`Base`]: what a counter's raw sum was at its last `take`, locked.
//!
//! `base_loom.rs` is its twin on loom's pretend machine.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Base(Mutex<u64>);

#[doc(hidden)]
impl Base {
    /// Nothing taken yet.
    pub const fn nothing() -> Self {
        Self(Mutex::new(0))
    }

    /// Whatever a panic interrupted, a base is one number and consistent.
    pub(crate) fn lock(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The base of a static counter.
#[doc(hidden)]
#[macro_export]
macro_rules! __static_base {
    () => {
        $crate::__Base::nothing()
    };
}
