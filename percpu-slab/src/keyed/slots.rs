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
//!
//! # Safety
//!
//! Gives the memory of pages back that nobody has slots of.

#![allow(unsafe_code)]

use core::fmt;
use core::num::NonZeroU32;

use percpu_core::__raw::{Mutex, mutated};
use percpu_core::Unit;
use percpu_core::atomic::Ordering;

use super::directory::{Directory, MAX_BITS};
use super::page::{Given, Pages};
use super::slot::{Slot, generation, vacant};
use crate::error::Error;
use crate::raw::{MagazineOptions, MagazineStats, Magazines, Source};

/// Pages without values that are kept: a few, for those that come soon.
const KEPT: usize = 1;

/// How slots are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotOptions {
    /// Slots that may be in use or in magazines.
    pub(crate) limit: usize,
    /// Bytes of a page, as far as a slot fits in.
    pub(crate) page: usize,
    /// A slot has values of so many generations, less one.
    pub(crate) last_generation: u32,
    pub(crate) magazines: MagazineOptions,
    /// Indices are less than this.
    pub(crate) indices: u64,
    /// Whether the memory of pages without values goes back: it may not if there is
    /// something in a slot that is free.
    pub(crate) discards: bool,
}

impl Default for SlotOptions {
    fn default() -> Self {
        Self {
            limit: usize::MAX,
            page: 8 << 10,
            last_generation: u32::MAX,
            magazines: MagazineOptions { max_magazines: 4, depot: 4, ..Default::default() },
            indices: 1 << MAX_BITS,
            discards: true,
        }
    }
}

impl SlotOptions {
    /// Bytes that magazines and depots take: words, for as many as there may be.
    fn magazine_bytes(&self) -> usize {
        const WORD: usize = size_of::<u64>();
        let MagazineOptions { magazine, max_magazines, depot, .. } = self.magazines;
        let units = Unit::all().into_iter().flatten().filter(|unit| unit.is_active()).count();
        // Beside items: a few words on each CPU, and two in each cell.
        units * (magazine * max_magazines + 16) * WORD + depot * (magazine + 2) * WORD
    }
}

/// Places for values, found by index, and kept by each CPU while free.
pub(crate) struct Slots<T> {
    magazines: Magazines,
    below: Below<T>,
}

/// What free slots come from and go to.
struct Below<T> {
    directory: Directory<T>,
    pages: Mutex<Pages>,
    options: SlotOptions,
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

/// A free slot, in a magazine: never 0, since no index is.
#[inline(always)]
fn item(index: u32, generation: u32) -> u64 {
    vacant(generation) | u64::from(index)
}

/// The index of an item.
#[inline(always)]
fn index(item: u64) -> u32 {
    // The lower half.
    item as u32
}

impl<T> Slots<T> {
    /// # Errors
    /// [`Error::Option`]; as [`Magazines::new`].
    pub(crate) fn new(options: SlotOptions) -> Result<Self, Error> {
        const LIMITS: (usize, usize) = (256, 1 << 24);
        if !(LIMITS.0..=LIMITS.1).contains(&options.page) {
            let (min, max) = LIMITS;
            return Err(Error::Option { name: "page", value: options.page, min, max });
        }
        // Page 0 has no slots: of few indices it must not be a large part.
        let slots = (options.page / size_of::<Slot<T>>()).min((options.indices / 16) as usize);
        // Few enough that a model sees pages come and go.
        let shift = if cfg!(percpu_loom) { 0 } else { slots.max(1).ilog2() };
        Ok(Self {
            magazines: Magazines::new(options.magazines)?,
            below: Below {
                directory: Directory::new(),
                pages: Mutex::new(Pages::new(shift)),
                options,
            },
        })
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

impl<T> Below<T> {
    fn page_bytes(&self, pages: &Pages) -> usize {
        let indices = pages.indices(1);
        (indices.end - indices.start) as usize * size_of::<Slot<T>>()
    }

    /// Adds a page whose slots can be found.
    fn add_page(&self, pages: &mut Pages) -> Result<(), Error> {
        let indices = pages.indices(pages.next());
        if indices.end > self.options.indices.min(1 << MAX_BITS) {
            return Err(Error::LimitReached { limit: pages.taken() });
        }
        // A segment has whole pages.
        self.directory.prepare(indices.start as u32)?;
        pages.add();
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn retire(&self, index: u32) {
        let mut pages = self.pages.lock();
        let given = pages.retire(index);
        self.settle(&mut pages, given);
    }

    /// A page that came to be empty is kept, or goes.
    fn settle(&self, pages: &mut Pages, given: Given) {
        if let Given::Empty(number) = given {
            if !pages.is_kept(number, KEPT) {
                self.discard(pages, number);
            }
        }
    }

    /// Gives the memory of an empty page back, if that is possible here.
    fn discard(&self, pages: &mut Pages, number: usize) {
        if !Directory::<T>::DISCARDS || !self.options.discards {
            return;
        }
        let indices = pages.indices(number);
        let (first, count) = (indices.start as u32, indices.count());
        // Relaxed: they came back through the lock, or through magazines before it (S1).
        let free = pages.free(number);
        let words = free.filter_map(|index| self.directory.find(index as u32));
        let next = words.map(|slot| generation(slot.state.load(Ordering::Relaxed))).max();
        let next = if mutated("page_forgets_generations") { None } else { next };
        pages.unback(number, next.unwrap_or(0));
        // SAFETY: slots of a page, each of them free (S1) or retired, and under the lock.
        unsafe { self.directory.discard(first, count) };
    }
}

impl<T> Source for Below<T> {
    type Error = Error;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Error> {
        let mut pages = self.pages.lock();
        let limit = self.options.limit;
        let wanted = out.len().min(limit.saturating_sub(pages.taken()));
        if wanted == 0 {
            return Err(Error::LimitReached { limit });
        }
        let mut count = 0;
        let mut write = |index: u32, first: u32| {
            // S2. Relaxed: whoever acquires it gets it from here.
            let Some(slot) = self.directory.find(index) else { unreachable!("a page has slots") };
            let mut state = slot.state.load(Ordering::Relaxed);
            if state == 0 {
                state = vacant(first);
                slot.state.store(state, Ordering::Relaxed);
            }
            out[count] = item(index, generation(state));
            count += 1;
        };
        if pages.take(wanted, &mut write) == 0 {
            self.add_page(&mut pages)?;
            pages.take(wanted, &mut write);
        }
        // The first one is handed out first.
        out[..count].reverse();
        Ok(count)
    }

    fn release(&self, items: &[u64]) {
        let mut pages = self.pages.lock();
        for &item in items {
            let given = pages.give(index(item));
            self.settle(&mut pages, given);
        }
    }
}

/// The same, with something to do before it is asked.
struct After<'a, T, F> {
    below: &'a Below<T>,
    f: F,
}

impl<T, F: Fn()> Source for After<'_, T, F> {
    type Error = Error;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Error> {
        (self.f)();
        self.below.refill(out)
    }

    fn release(&self, items: &[u64]) {
        self.below.release(items);
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
