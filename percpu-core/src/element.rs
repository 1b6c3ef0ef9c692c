//! [`Element`]: a part of a per-CPU value.

use core::fmt;

use crate::copies::Copies;
use crate::home::Source;
use crate::place::Place;

/// A part of a value that every unit has a copy of: an element of an array, from
/// [`Copies::at`], or a field of a struct, from [`Copies::field`]. A word has all
/// the operations of a single per-CPU word.
pub struct Element<'a, W> {
    pub(crate) place: Place<'a, W>,
    pub(crate) source: Source,
}

impl<W> Clone for Element<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<W> Copy for Element<'_, W> {}

impl<T> Copies<T> {
    #[inline(always)]
    pub(crate) fn whole(&self) -> Element<'_, T> {
        Element { place: self.home.resolved(), source: self.home.source() }
    }
}

impl<'a, W, const N: usize> Element<'a, [W; N]> {
    /// The word at `index` of this part, if it is an array.
    ///
    /// # Panics
    /// If `index` is not below `N`.
    #[inline]
    pub fn at(self, index: usize) -> Element<'a, W> {
        let source = self.source.part(index * size_of::<W>());
        Element { place: self.place.element(index), source }
    }
}

impl<W, const N: usize> Copies<[W; N]> {
    /// The word at `index` of the array.
    ///
    /// # Panics
    /// If `index` is not below `N`.
    ///
    /// ```
    /// use percpu_core::{PerCpu, atomic::AtomicU64};
    /// let buckets = PerCpu::<[AtomicU64; 16]>::zeroed()?;
    /// buckets.at(3).inc();
    /// assert_eq!(buckets.at(3).sum(), 1);
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    #[inline]
    pub fn at(&self, index: usize) -> Element<'_, W> {
        self.whole().at(index)
    }

    /// How many words the array has.
    pub const fn len(&self) -> usize {
        N
    }

    /// Whether the array has no words.
    pub const fn is_empty(&self) -> bool {
        N == 0
    }
}

impl<W> fmt::Debug for Element<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element").finish_non_exhaustive()
    }
}
