//! [`Unfrozen`]: what may go while a function still has a reference to it.
//!
//! # Why
//! Whoever gives up the last thing that keeps an object alive may have the object freed,
//! by another thread, before its own functions have returned. Their `&self` then refers
//! to nothing. The language says that what a reference in an argument refers to stays
//! until the function returns, and does not change, byte by byte, unless the byte is in
//! an `UnsafeCell`; padding too. So atomics may go, as those of `Arc` do, but not plain
//! fields beside them.
//!
//! A type of which such a function is a method has all its fields in here. It still has
//! to see to it that nothing of it is used, nor a reference to it made or passed on,
//! after that step.
//!
//! # Safety
//! Gives out shared references to what is in a cell, and a unique one to whoever has the
//! cell to itself.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::panic::RefUnwindSafe;

/// A value, no byte of which has to stay as long as a reference to this.
pub struct Unfrozen<T>(UnsafeCell<T>);

impl<T> Unfrozen<T> {
    /// The value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
}

impl<T> Deref for Unfrozen<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: a unique reference is made of a unique one only.
        unsafe { &*self.0.get() }
    }
}

impl<T> DerefMut for Unfrozen<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

impl<T: fmt::Debug> fmt::Debug for Unfrozen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

// SAFETY: of a shared one only shared references are made.
unsafe impl<T: Sync> Sync for Unfrozen<T> {}

// As above: nothing changes that would not in a plain field.
impl<T: RefUnwindSafe> RefUnwindSafe for Unfrozen<T> {}
