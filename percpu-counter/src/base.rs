//! [`Base`]: what a value counts from, locked.
//!
//! `base_loom.rs` is its twin on loom's pretend machine.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[doc(hidden)]
#[derive(Debug)]
pub struct Base<V>(Mutex<V>);

#[doc(hidden)]
impl<V> Base<V> {
    pub const fn new(value: V) -> Self {
        Self(Mutex::new(value))
    }

    /// Whatever a panic interrupted, a base is one number and consistent.
    pub(crate) fn lock(&self) -> MutexGuard<'_, V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
