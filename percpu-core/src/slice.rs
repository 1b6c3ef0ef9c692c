//! [`PerCpuSlice`]: words on every CPU, as many as are asked for at run time.
//!
//! # Safety
//!
//! Makes places of an area that the slice owns.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;

use crate::bytes::PerCpuBytes;
use crate::element::Element;
use crate::error::Error;
use crate::home::Source;
use crate::ops::{IntWord, Word};
use crate::place::Place;
use crate::zeroable::Zeroable;

/// An array of words on every CPU whose length is given at run time.
///
/// ```
/// use percpu_core::{PerCpuSlice, atomic::AtomicU64};
/// let buckets = PerCpuSlice::<AtomicU64>::zeroed(60)?;
/// buckets.at(17).inc();
/// assert_eq!(buckets.sums().sum::<u64>(), 1);
/// # Ok::<(), percpu_core::Error>(())
/// ```
pub struct PerCpuSlice<W> {
    /// INVARIANT: `len` words, aligned, which were zero at first.
    bytes: PerCpuBytes,
    len: usize,
    words: PhantomData<W>,
}

impl<W: Word + Zeroable> PerCpuSlice<W> {
    /// Allocates `len` zeroed words in every unit.
    ///
    /// # Errors
    /// [`Error::ZeroSize`] for no words, [`Error::TooLarge`] above 32 KiB a CPU
    /// (unless `Config::minimum_unit` says more); else as
    /// [`PerCpu::zeroed`](crate::PerCpu::zeroed).
    pub fn zeroed(len: usize) -> Result<Self, Error> {
        let too_large = Error::TooLarge { size: usize::MAX, max: isize::MAX as usize };
        let bytes = PerCpuBytes::zeroed(Layout::array::<W>(len).map_err(|_| too_large)?)?;
        Ok(Self { bytes, len, words: PhantomData })
    }

    /// The word at `index`, with all the operations of a per-CPU word.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    #[inline]
    pub fn at(&self, index: usize) -> Element<'_, W> {
        match self.get(index) {
            Some(element) => element,
            None => out_of_range(index, self.len),
        }
    }

    /// As [`at`](Self::at); `None` if `index` is not below the length.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Element<'_, W>> {
        if index >= self.len {
            return None;
        }
        let pointer = self.bytes.pointer().wrapping_add(index * size_of::<W>());
        // SAFETY: a word inside the area (the invariant), which is this value's
        // for as long as it is borrowed, and zero in units that become active.
        let place = unsafe { Place::new(pointer) };
        Some(Element { place, source: Source::Zeroed })
    }

    /// The words in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Element<'_, W>> + ExactSizeIterator {
        (0..self.len).map(|index| self.at(index))
    }
}

impl<W: IntWord + Zeroable> PerCpuSlice<W> {
    /// The sum over all units of each word, wrapping, in order.
    pub fn sums(&self) -> impl DoubleEndedIterator<Item = W::Value> + ExactSizeIterator {
        self.iter().map(|word| word.sum())
    }
}

impl<W> PerCpuSlice<W> {
    /// How many words there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: no words cannot be allocated.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cold]
#[inline(never)]
fn out_of_range(index: usize, len: usize) -> ! {
    panic!("index {index} of a slice of {len} words")
}

impl<W> fmt::Debug for PerCpuSlice<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpuSlice").field("len", &self.len).finish_non_exhaustive()
    }
}
