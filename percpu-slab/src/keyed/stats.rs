//! [`SlabStats`]: what a slab holds; and giving back what it does not need.

use core::fmt;

use percpu_core::Unit;

use super::slab::Slab;
use crate::error::Error;
use crate::raw::MagazineStats;

/// What a [`Slab`] holds; from [`Slab::stats`]. Exact if nobody uses it meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SlabStats {
    /// Values, and vacant entries that are held.
    pub entries: usize,
    /// Values that were removed and not dropped.
    pub removed: usize,
    /// Slots that there are addresses for.
    pub slots: usize,
    /// Free slots that CPUs and nodes keep.
    pub cached: usize,
    /// Slots that are not used again: their generations are used up.
    pub retired: usize,
    /// Pages that there may be memory behind.
    pub pages: usize,
    /// Bytes in all: these pages, what is known about pages, and where CPUs and
    /// nodes keep free slots.
    pub bytes: usize,
    /// How often readers were waited for.
    pub grace_periods: u64,
    /// How slots were had and given back.
    pub magazines: MagazineStats,
}

impl fmt::Display for SlabStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} entries, {} removed; {} slots: {} cached, {} retired; {} pages, {} bytes; {} grace \
             periods; {}",
            self.entries,
            self.removed,
            self.slots,
            self.cached,
            self.retired,
            self.pages,
            self.bytes,
            self.grace_periods,
            self.magazines
        )
    }
}

impl<T> Slab<T> {
    /// How many values there are, and vacant entries that are held; exact if nobody
    /// changes that meanwhile.
    ///
    /// # Performance
    /// A pass over the CPUs: nothing is counted when values come and go.
    pub fn len(&self) -> usize {
        self.slots.in_use().saturating_sub(self.removed.pending())
    }

    /// Whether there is no value; as [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the slab holds.
    pub fn stats(&self) -> SlabStats {
        let counts = self.slots.counts();
        let removed = self.removed.pending();
        SlabStats {
            entries: counts.in_use.saturating_sub(removed),
            removed,
            slots: counts.slots,
            cached: counts.cached,
            retired: counts.retired,
            pages: counts.pages,
            bytes: size_of::<Self>() + counts.bytes,
            grace_periods: self.domain.grace_periods(),
            magazines: self.slots.served(),
        }
    }

    /// Drops what can be dropped, takes free slots from all CPUs, and gives the memory of
    /// pages without values back to the system; how many bytes.
    ///
    /// Keys stay what they are: nothing is found by an old one, ever.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    ///
    /// # Panics
    /// As that.
    #[doc(alias = "kmem_cache_shrink")]
    pub fn shrink(&self) -> Result<usize, Error> {
        self.removed.seal(&self.domain);
        self.poll()?;
        self.slots.shrink()
    }

    /// Lets CPUs keep an eighth fewer free slots, but as many as at first, and takes what
    /// they have beyond that for all. For a timer: what is needed grows again.
    ///
    /// ```
    /// let slab = percpu_slab::Slab::new()?;
    /// let keys: Vec<_> = (0..1000).map(|n| slab.insert(n)).collect::<Result<_, _>>()?;
    /// keys.into_iter().for_each(|key| drop(slab.take(key)));
    /// let cached = slab.stats().cached;
    /// for _ in 0..100 {
    ///     slab.decay()?;
    /// }
    /// assert!(slab.stats().cached <= cached);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::PerCpu`] if the system refuses the fence.
    #[doc(alias = "decay_pcp_high")]
    pub fn decay(&self) -> Result<(), Error> {
        self.slots.decay()
    }

    /// Takes the free slots of one unit, of a CPU that is gone for example, for all.
    ///
    /// # Errors
    /// [`Error::PerCpu`] if the system refuses the fence; nothing was taken.
    pub fn drain_unit(&self, unit: Unit) -> Result<(), Error> {
        self.slots.drain(unit)
    }
}

impl<T: fmt::Debug> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|guard| (guard.key(), guard))).finish()
    }
}
