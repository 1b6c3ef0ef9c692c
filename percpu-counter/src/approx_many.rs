//! [`ApproxCounters`]: many in one allocation.

use std::fmt;

use percpu_core::__raw::Switch;
use percpu_core::atomic::{AtomicI64, AtomicU32, AtomicU64};
use percpu_core::{Error, PerCpuSlice};

use crate::approx::{ApproxCounter, default_batch};
use crate::base::Base;
use crate::delta::{Delta, OneOf};

/// Many [`ApproxCounter`]s in one allocation: each has 8 bytes a CPU, and 8 for its
/// count. They share a lock, which each takes once a batch.
///
/// ```
/// use percpu_counter::ApproxCounters;
/// let levels = ApproxCounters::new(7)?;
/// levels.at(3).add(100);
/// assert_eq!(levels.iter().map(|level| level.sum()).sum::<i64>(), 100);
/// # Ok::<(), percpu_counter::Error>(())
/// ```
#[doc(alias = "percpu_counter_init_many")]
pub struct ApproxCounters {
    words: PerCpuSlice<AtomicU64>,
    counts: Box<[AtomicI64]>,
    largest: AtomicU32,
    switch: Switch,
    lock: Base<()>,
    batch: u32,
}

/// One of [`ApproxCounters`].
pub type ApproxCounterRef<'a> = ApproxCounter<OneOf<'a>>;

impl ApproxCounters {
    /// `count` counters at zero, with the batch of [`ApproxCounter::new`].
    ///
    /// # Errors
    /// As [`PerCpuSlice::zeroed`]: for none, for more than 4096 of them, or if the
    /// system refuses per-CPU memory.
    pub fn new(count: usize) -> Result<Self, Error> {
        Self::with_batch(count, default_batch()?)
    }

    /// As [`new`](Self::new), with the batch of [`ApproxCounter::with_batch`].
    ///
    /// # Errors
    /// As that.
    pub fn with_batch(count: usize, batch: u32) -> Result<Self, Error> {
        Ok(Self {
            words: PerCpuSlice::zeroed(count)?,
            counts: (0..count).map(|_| AtomicI64::new(0)).collect(),
            largest: AtomicU32::new(batch),
            switch: Switch::new(),
            lock: Base::new(()),
            batch,
        })
    }

    /// The counter at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    #[inline]
    pub fn at(&self, index: usize) -> ApproxCounterRef<'_> {
        let Self { words, counts, largest, switch, lock, batch } = self;
        let words = words.at(index);
        let delta = Delta { words, count: &counts[index], largest, switch, lock };
        ApproxCounter { parts: OneOf(delta), batch: *batch }
    }

    /// As [`at`](Self::at); `None` if `index` is not below the length.
    #[inline]
    pub fn get(&self, index: usize) -> Option<ApproxCounterRef<'_>> {
        (index < self.len()).then(|| self.at(index))
    }

    /// The counters in order.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = ApproxCounterRef<'_>> + ExactSizeIterator {
        (0..self.len()).map(|index| self.at(index))
    }

    /// How many counters there are.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Always false: none cannot be allocated.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

impl fmt::Debug for ApproxCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|counter| counter.sum())).finish()
    }
}
