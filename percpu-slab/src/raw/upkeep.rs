//! What keeps [`Magazines`] in bounds, and shows them: limits, drains, counts.

use core::fmt;

use percpu_core::__raw::mutated;
use percpu_core::Unit;
use percpu_core::atomic::{Ordering, fence};

use super::depot::Depot;
use super::magazine_stats::MagazineStats;
use super::magazines::{
    DEPOT_GETS, DEPOT_PUTS, GET_MISSES, GETS, Magazines, PUT_MISSES, PUTS, SOURCE_GETS, SOURCE_PUTS,
};
use super::source::Source;
use crate::error::Error;

/// Items that a drain takes at a time.
const DRAINED: usize = 256;

impl Magazines {
    /// How many items a CPU may keep now.
    pub fn limit(&self) -> usize {
        self.stack().limit()
    }

    /// Lets each CPU keep so many items, as long as nothing grows or decays: one at
    /// least, and no more than [`MagazineOptions`](super::MagazineOptions) said.
    pub fn set_limit(&self, items: usize) {
        self.update_limit(|_| Some(items.clamp(1, self.stack().capacity())));
    }

    /// How many items lay in magazines and depots a moment ago; exact if nobody moves
    /// any meanwhile.
    pub fn cached(&self) -> usize {
        let units = Unit::all().into_iter().flatten();
        let stacks: usize = units.map(|unit| self.stack().len_on(unit)).sum();
        stacks + self.0.depots.iter().map(Depot::items).sum::<usize>()
    }

    /// How many items of `unit` lay in its magazines a moment ago.
    pub fn cached_on(&self, unit: Unit) -> usize {
        self.stack().len_on(unit)
    }

    /// The most items that magazines and depots ever hold. Each thread in the middle of
    /// an operation may hold a magazine more.
    ///
    /// # Errors
    /// As [`percpu_core::Unit::all`].
    pub fn max_cached(&self) -> Result<usize, Error> {
        let depots: usize = self.0.depots.iter().map(Depot::capacity).sum();
        Ok(Unit::all()?.len() * self.stack().capacity() + depots * self.0.options.magazine)
    }

    /// What happened so far.
    pub fn stats(&self) -> MagazineStats {
        let sum = |word| self.0.words.at(word).sum();
        let (get_misses, put_misses) = (sum(GET_MISSES), sum(PUT_MISSES));
        // An operation is counted before it misses.
        MagazineStats {
            get_hits: sum(GETS).saturating_sub(get_misses),
            put_hits: sum(PUTS).saturating_sub(put_misses),
            get_misses,
            put_misses,
            refills: sum(SOURCE_GETS),
            flushes: sum(SOURCE_PUTS),
            depot_gets: sum(DEPOT_GETS),
            depot_puts: sum(DEPOT_PUTS),
        }
    }

    /// Gives all items of one unit to the source.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; the others are where they were.
    #[doc(alias = "flush_cpu_slab")]
    pub fn drain<S: Source>(&self, unit: Unit, source: &S) -> Result<(), Error> {
        self.take_from(unit, self.stack().capacity(), source)
    }

    /// Gives `most` items of a unit to the source, or all.
    fn take_from<S: Source>(&self, unit: Unit, most: usize, source: &S) -> Result<(), Error> {
        let mut items = [0; DRAINED];
        let mut left = most;
        while left > 0 {
            let want = left.min(DRAINED);
            // The source is not called while the unit is stopped.
            let count = self.stack().drain_into(unit, &mut items[..want])?;
            if count > 0 {
                self.release(&items[..count], source);
            }
            left -= count;
            if count < want {
                break;
            }
        }
        Ok(())
    }

    /// Gives all items of all units and depots to the source.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[doc(alias = "flush_all")]
    pub fn flush<S: Source>(&self, source: &S) -> Result<(), Error> {
        for unit in Unit::all()? {
            self.drain(unit, source)?;
        }
        self.empty_depots(source);
        Ok(())
    }

    /// As [`flush`](Self::flush), by whoever is alone with them: no CPU is stopped.
    pub fn empty<S: Source>(&mut self, source: &S) {
        self.stack_mut().drain_mut(|item| source.release(&[item]));
        self.empty_depots(source);
    }

    /// As [`flush`](Self::flush), and CPUs may keep as few as at first.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[doc(alias = "kmem_cache_shrink")]
    pub fn shrink<S: Source>(&self, source: &S) -> Result<(), Error> {
        self.update_limit(|limit| Some(limit.min(self.0.options.initial())));
        self.flush(source)
    }

    /// Lets CPUs keep an eighth less, but as many as at first, and gives the source what
    /// they have beyond that. For a timer: what is needed grows again.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    ///
    /// # Performance
    /// A fence for each CPU that has more than it may.
    #[doc(alias = "decay_pcp_high")]
    pub fn decay<S: Source>(&self, source: &S) -> Result<(), Error> {
        self.update_limit(|limit| {
            Some((limit - limit.div_ceil(8)).max(limit.min(self.0.options.initial())))
        });
        let limit = self.limit();
        for unit in Unit::all()? {
            self.take_from(unit, self.stack().len_on(unit).saturating_sub(limit), source)?;
        }
        Ok(())
    }

    /// Gives all items to the source, for good: those that are put later go there too.
    /// A second time it does the same for what a source that panicked left.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing is closed, or taken.
    pub fn close<S: Source>(&self, source: &S) -> Result<(), Error> {
        assert!(self.0.closes, "these magazines were to be closed never");
        self.stack().close()?;
        // The mark, the fence, the look: see `store`.
        self.0.closed.store(true, Ordering::Relaxed);
        if !mutated("magazines_close_no_fence") {
            fence(Ordering::SeqCst);
        }
        // No fence can fail any more.
        self.flush(source)
    }
}

impl fmt::Debug for Magazines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Magazines")
            .field("cached", &self.cached())
            .field("limit", &self.limit())
            .field("depots", &self.0.depots)
            .finish_non_exhaustive()
    }
}
