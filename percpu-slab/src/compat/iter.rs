//! [`UniqueIter`]: all values of a [`Slab`] that nobody else uses.
//!
//! # Safety
//!
//! Reads values of a slab that it has borrowed for itself.

#![allow(unsafe_code)]

use core::fmt;
use core::iter::FusedIterator;
use core::ops::Range;

use super::config::Config;
use super::guard::HasStore;
use super::slab::Slab;

/// All values of a [`Slab`], in no order; from [`Slab::unique_iter`].
#[must_use = "an iterator does nothing unless it is used"]
pub struct UniqueIter<'a, T, C: Config> {
    /// INVARIANT: borrowed exclusively for `'a`, and only read from here.
    slab: &'a Slab<T, C>,
    /// Of the page that is looked at, what is left.
    indices: Range<u64>,
}

impl<'a, T, C: Config> UniqueIter<'a, T, C> {
    pub(super) fn new(slab: &'a mut Slab<T, C>) -> Self {
        Self { slab, indices: 0..0 }
    }
}

impl<'a, T, C: Config> Iterator for UniqueIter<'a, T, C> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        let store = self.slab.store();
        loop {
            for index in self.indices.by_ref() {
                // SAFETY: the invariant. An index has 32 bits.
                if let Some(value) = unsafe { store.value(index as u32) } {
                    return Some(value);
                }
            }
            self.indices = store.page_from(self.indices.end)?;
        }
    }
}

impl<T, C: Config> FusedIterator for UniqueIter<'_, T, C> {}

impl<T, C: Config> fmt::Debug for UniqueIter<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UniqueIter").field("slab", self.slab).finish_non_exhaustive()
    }
}
