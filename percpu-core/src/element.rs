//! [`Element`]: one word of a per-CPU array.

use core::fmt;

use crate::copies::Copies;
use crate::home::Source;
use crate::place::Place;

/// One word of an array that every unit has a copy of; from [`Copies::at`].
/// It has all the operations of a single per-CPU word.
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
        let place = self.home.resolved();
        let source = self.home.source().element(index * size_of::<W>());
        Element { place: place.element(index), source }
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
