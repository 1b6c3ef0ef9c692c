//! [`SlabBuilder`]: what a slab may be told before it is made.

use core::marker::PhantomData;

use super::slab::{BATCH, Slab};
use super::slot_options::SlotOptions;
use crate::error::Error;
use crate::raw::MagazineOptions;

/// What a [`Slab`] may be told before it is made; from [`Slab::builder`].
///
/// ```
/// use percpu_slab::{Error, Slab};
/// let slab = Slab::builder().limit(2).build()?;
/// let first = slab.insert(1)?;
/// slab.insert(2)?;
/// let refused = slab.insert(3).unwrap_err();
/// assert_eq!(refused.into_parts(), (3, Error::LimitReached { limit: 2 }));
/// slab.remove(first);
/// assert!(slab.insert(3).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is made until `build`"]
pub struct SlabBuilder<T> {
    options: SlotOptions,
    batch: usize,
    of: PhantomData<fn() -> T>,
}

impl<T> Slab<T> {
    /// What a slab may be told.
    pub fn builder() -> SlabBuilder<T> {
        SlabBuilder { options: SlotOptions::default(), batch: BATCH, of: PhantomData }
    }
}

impl<T> SlabBuilder<T> {
    /// The most entries. Those count that were removed and wait for readers.
    ///
    /// An insertion that is refused has first looked for free slots on all CPUs: a fence
    /// for each of them. Default: as many as there are keys.
    pub fn limit(mut self, entries: usize) -> Self {
        self.options.limit = entries;
        self
    }

    /// Bytes of a page, 256 to 16 MiB; at least one value lies in each. Memory is
    /// given back by the page. Default: 8 KiB.
    pub fn page_size(mut self, bytes: usize) -> Self {
        self.options.page = bytes;
        self
    }

    /// How many free slots a CPU and a node may keep.
    pub fn magazines(mut self, options: MagazineOptions) -> Self {
        self.options.magazines = options;
        self
    }

    /// Counts also what a CPU's own free slots serve, in
    /// [`stats`](Slab::stats): each insertion and removal costs more then.
    pub fn count_hits(mut self) -> Self {
        self.options.magazines.count_hits = true;
        self
    }

    /// How many values that were read are removed before a step is taken towards dropping
    /// them: see [`Slab`](Slab#when-values-are-dropped). 1 is a step, and two fences, with
    /// each. Default: 32.
    pub fn removed(mut self, values: usize) -> Self {
        self.batch = values.max(1);
        self
    }

    /// For tests: a slot has no more than so many values, one after the other.
    #[doc(hidden)]
    pub fn generations(mut self, values: u32) -> Self {
        self.options.last_generation = values.saturating_sub(1);
        self
    }

    /// Makes the slab.
    ///
    /// # Errors
    /// [`Error::Option`] for a choice that makes no sense; as [`Slab::new`].
    pub fn build(self) -> Result<Slab<T>, Error> {
        Slab::with_options(self.options, self.batch)
    }
}
