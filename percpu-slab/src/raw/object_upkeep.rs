//! What keeps an [`ObjectCache`] in bounds, and shows it: drains, memory given back, counts.

use percpu_core::Unit;

use super::cache_core::Below;
use super::magazine_stats::MagazineStats;
use super::object_cache::ObjectCache;
use super::slab_stats::SlabStats;
use crate::error::Error;

impl ObjectCache {
    /// Gives what is cached for `unit` to its slabs.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing was moved.
    pub fn drain(&self, unit: Unit) -> Result<(), Error> {
        let core = self.core();
        core.magazines.drain(unit, &Below::new(core))
    }

    /// Gives all that is cached to its slabs.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn flush(&self) -> Result<(), Error> {
        let core = self.core();
        core.flush(&Below::new(core))
    }

    /// Gives memory back: all that is cached goes to its slabs, and slabs without objects
    /// go to the system. Returns how many bytes these were.
    ///
    /// # Errors
    /// As [`drain`](Self::drain); slabs that have no objects went nevertheless.
    pub fn shrink(&self) -> Result<usize, Error> {
        let before = self.slab_stats().bytes;
        let flushed = self.flush();
        self.core().slabs.shrink();
        flushed?;
        Ok(before.saturating_sub(self.slab_stats().bytes))
    }

    /// Lets magazines that grew under traffic become smaller again; for a timer.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn decay(&self) -> Result<(), Error> {
        let core = self.core();
        core.magazines.decay(&Below::new(core))
    }

    /// What its magazines did.
    pub fn magazine_stats(&self) -> MagazineStats {
        self.core().magazines.stats()
    }

    /// What its slabs hold.
    pub fn slab_stats(&self) -> SlabStats {
        self.core().slabs.stats()
    }

    /// What its slabs of one node hold.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn slab_stats_of(&self, node: usize) -> SlabStats {
        self.core().slabs.stats_of(node)
    }

    /// How many objects are free, but with a CPU or in a depot; of a moment ago.
    pub fn cached(&self) -> usize {
        self.core().cached()
    }

    /// How many objects are with users, or in the hands of threads; of a moment ago.
    pub fn live(&self) -> usize {
        let out = self.slab_stats().live;
        out.saturating_sub(self.cached())
    }
}
