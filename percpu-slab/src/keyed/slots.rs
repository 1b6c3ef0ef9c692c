//! [`Slots`]: places for values, found by index, and kept by each CPU while free.
//!
//! ```text
//!   acquire, release      Magazines: free slots on every CPU, an index and the next
//!                             │  generation each, as a key has them
//!                             │  a magazine at a time
//!                         Pages: which slots are free, page by page
//!   find                  Directory: from an index to its slot
//! ```
//!
//! # Invariants
//! - S1: a slot that is free, in a magazine or in its page, is vacant; whoever acquires
//!   it has it alone, and nobody else stores to it before it has a value. (Who comes
//!   with an old key may look at its word, and fails to change it.)
//! - S2: the generations of a slot's values go up. Its word tells the next one, or it is
//!   0, because its page was not backed; then the page tells one that is high enough,
//!   and whoever takes the slot from the page writes it. What is in magazines says the
//!   same as the word, so that who acquires need not wait for it.
//! - S3: so no two values have one index and one generation; whose last generation is
//!   used up is not free again.

use core::fmt;
use core::num::NonZeroU32;

use percpu_core::Unit;
use percpu_core::atomic::Ordering;

use super::below::{After, Below, index, item};
use super::slot::{Slot, generation};
use super::slot_options::SlotOptions;
use crate::error::Error;
use crate::raw::{MagazineStats, Magazines};

/// Places for values, found by index, and kept by each CPU while free.
pub(crate) struct Slots<T> {
    magazines: Magazines,
    below: Below<T>,
}

/// A free slot that its holder has alone: to be filled, or released.
pub(crate) struct Acquired<'a, T> {
    pub(crate) index: NonZeroU32,
    /// Of its next value.
    pub(crate) generation: u32,
    pub(crate) slot: &'a Slot<T>,
}

/// What there is of slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotCounts {
    /// Slots that are neither free nor retired.
    pub(crate) in_use: usize,
    pub(crate) cached: usize,
    pub(crate) retired: usize,
    pub(crate) slots: usize,
    pub(crate) pages: usize,
    pub(crate) bytes: usize,
}

impl<T> Slots<T> {
    /// # Errors
    /// [`Error::Option`]; as [`Magazines::new`].
    pub(crate) fn new(options: SlotOptions) -> Result<Self, Error> {
        let below = Below::new(options)?;
        Ok(Self { magazines: Magazines::new(options.magazines)?, below })
    }

    /// The slot of an index, if there is one. It stays where it is.
    #[inline(always)]
    pub(crate) fn find(&self, index: u32) -> Option<&Slot<T>> {
        self.below.directory.find(index)
    }

    /// A free slot, vacant and of the right generation (S1).
    ///
    /// # Errors
    /// [`Error::LimitReached`], [`Error::OutOfMemory`].
    #[inline(always)]
    pub(crate) fn acquire(&self) -> Result<Acquired<'_, T>, Error> {
        self.acquire_after(|| ())
    }

    /// As that, at once or not at all.
    #[inline(always)]
    pub(crate) fn acquire_at_once(&self) -> Option<Acquired<'_, T>> {
        Some(self.acquired(self.magazines.get_at_once()?))
    }

    /// As [`acquire`](Self::acquire), but calls `f` before pages are asked.
    pub(crate) fn acquire_after(&self, f: impl Fn()) -> Result<Acquired<'_, T>, Error> {
        match self.magazines.get(&After { below: &self.below, f }) {
            Ok(item) => Ok(self.acquired(item)),
            Err(error) => self.acquire_again(error),
        }
    }

    #[cold]
    #[inline(never)]
    fn acquire_again(&self, error: Error) -> Result<Acquired<'_, T>, Error> {
        if !matches!(error, Error::LimitReached { .. }) {
            return Err(error);
        }
        // Others may keep some that are free.
        self.magazines.flush(&self.below)?;
        Ok(self.acquired(self.magazines.get(&self.below)?))
    }

    #[inline(always)]
    fn acquired(&self, item: u64) -> Acquired<'_, T> {
        let (number, next) = (index(item), generation(item));
        match (NonZeroU32::new(number), self.find(number)) {
            (Some(index), Some(slot)) => {
                // Relaxed: it was handed over.
                debug_assert_eq!(generation(slot.state.load(Ordering::Relaxed)), next);
                Acquired { index, generation: next, slot }
            }
            _ => unreachable!("slot {number} does not exist"),
        }
    }

    /// Takes a slot back that had a value of generation `used`, and whose word is
    /// `vacant(used + 1)` by now; nobody else has it.
    #[inline(always)]
    pub(crate) fn release(&self, index: NonZeroU32, used: u32) {
        if used >= self.below.options.last_generation {
            return self.below.retire(index.get());
        }
        self.release_unused(index, used + 1);
    }

    /// Takes a slot back that has not had a value since it was acquired, for one of this
    /// generation.
    #[inline(always)]
    pub(crate) fn release_unused(&self, index: NonZeroU32, generation: u32) {
        self.magazines.put(item(index.get(), generation), &self.below);
    }

    /// The indices of the first page from that of `from` on that has slots in use.
    pub(crate) fn pages_from(&self, from: u64) -> Option<core::ops::Range<u64>> {
        self.below.pages.lock().in_use_from(from)
    }

    /// The indices of all slots that there ever were.
    pub(crate) fn indices(&self) -> core::ops::Range<u64> {
        let pages = self.below.pages.lock();
        pages.indices(1).start..pages.indices(pages.len()).end
    }

    /// Slots that are neither free nor retired; exact if nobody moves any meanwhile.
    pub(crate) fn in_use(&self) -> usize {
        // Moved from here to there meanwhile, one may count twice.
        self.below.pages.lock().taken().saturating_sub(self.magazines.cached())
    }

    pub(crate) fn counts(&self) -> SlotCounts {
        let cached = self.magazines.cached();
        let pages = self.below.pages.lock();
        SlotCounts {
            in_use: pages.taken().saturating_sub(cached),
            cached,
            retired: pages.retired(),
            slots: pages.indices(pages.len()).end as usize - pages.indices(1).start as usize,
            pages: pages.backed(),
            bytes: pages.backed() * self.below.page_bytes(&pages)
                + pages.bytes()
                + self.below.options.magazine_bytes(),
        }
    }

    /// How often which level served.
    pub(crate) fn served(&self) -> MagazineStats {
        self.magazines.stats()
    }

    /// Gives all free slots of a unit's magazine to their pages.
    ///
    /// # Errors
    /// As [`Magazines::drain`].
    pub(crate) fn drain(&self, unit: Unit) -> Result<(), Error> {
        self.magazines.drain(unit, &self.below)
    }

    /// Lets CPUs keep an eighth fewer free slots, but as many as at first, and gives what
    /// they have beyond that to their pages.
    ///
    /// # Errors
    /// As [`Magazines::decay`].
    pub(crate) fn decay(&self) -> Result<(), Error> {
        self.magazines.decay(&self.below)
    }

    /// Gives all free slots to their pages, and the memory of those without values back;
    /// how many bytes.
    ///
    /// # Errors
    /// As [`Magazines::flush`].
    pub(crate) fn shrink(&self) -> Result<usize, Error> {
        let mut pages = self.below.pages.lock();
        let before = pages.backed();
        drop(pages);
        self.magazines.shrink(&self.below)?;
        pages = self.below.pages.lock();
        for number in pages.all_empty() {
            self.below.discard(&mut pages, number);
        }
        let gone = before.saturating_sub(pages.backed());
        Ok(gone * self.below.page_bytes(&pages))
    }
}

impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        f.debug_struct("Slots")
            .field("counts", &counts)
            .field("magazines", &self.magazines)
            .finish()
    }
}
