//! [`Below`]: what magazines of free slots come from and go to.
//!
//! # Safety
//!
//! Gives the memory of pages back that nobody has slots of.

#![allow(unsafe_code)]

use percpu_core::__raw::{Mutex, mutated};
use percpu_core::atomic::Ordering;

use super::directory::{Directory, MAX_BITS};
use super::page::{Given, Pages};
use super::slot::{Slot, generation, vacant};
use super::slot_options::SlotOptions;
use crate::error::Error;
use crate::raw::Source;

/// Pages without values that are kept: a few, for those that come soon.
const KEPT: usize = 1;

/// What free slots come from and go to.
pub(super) struct Below<T> {
    pub(super) directory: Directory<T>,
    pub(super) pages: Mutex<Pages>,
    pub(super) options: SlotOptions,
}

/// A free slot, in a magazine: never 0, since no index is.
#[inline(always)]
pub(super) fn item(index: u32, generation: u32) -> u64 {
    vacant(generation) | u64::from(index)
}

/// The index of an item.
#[inline(always)]
pub(super) fn index(item: u64) -> u32 {
    // The lower half.
    item as u32
}

impl<T> Below<T> {
    /// # Errors
    /// [`Error::Option`].
    pub(super) fn new(options: SlotOptions) -> Result<Self, Error> {
        const LIMITS: (usize, usize) = (256, 1 << 24);
        if !(LIMITS.0..=LIMITS.1).contains(&options.page) {
            let (min, max) = LIMITS;
            return Err(Error::Option { name: "page", value: options.page, min, max });
        }
        // Page 0 has no slots: of few indices it must not be a large part.
        let slots = (options.page / size_of::<Slot<T>>()).min((options.indices / 16) as usize);
        // Few enough that a model sees pages come and go.
        let shift = if cfg!(percpu_loom) { 0 } else { slots.max(1).ilog2() };
        let (directory, pages) = (Directory::new(), Mutex::new(Pages::new(shift)));
        Ok(Self { directory, pages, options })
    }

    pub(super) fn page_bytes(&self, pages: &Pages) -> usize {
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
    pub(super) fn retire(&self, index: u32) {
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
    pub(super) fn discard(&self, pages: &mut Pages, number: usize) {
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
pub(super) struct After<'a, T, F> {
    pub(super) below: &'a Below<T>,
    pub(super) f: F,
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
