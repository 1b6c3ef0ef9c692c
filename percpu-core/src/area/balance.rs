//! Giving memory back to the system, and having some at hand.
//!
//! No thread does this unless asked ([`crate::balance()`], a `Balancer`): a free
//! that leaves something to give back takes a bounded share of the work itself,
//! unless another thread is at it.
//!
//! ```text
//!   shelves --flush--> index
//!   free chunks but one --> unmapped
//!   chunks set aside: idle pages, from the end --> discarded in every unit
//!   fewer than 4 idle pages (eager backing) --> populated
//! ```
//! Each step decides under `index`, acts under `grow` alone, and reports under
//! `index` again.

use core::sync::atomic::Ordering::Relaxed;

use super::allocator::Allocator;
use super::reclaim::EMPTY_HIGH;
use crate::sys::memory::{Span, System};
use crate::trace::News;

/// Pages that a free gives back at most, in each unit.
const SHARE: usize = 16;

/// What a balance did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Balanced {
    /// Chunks given back whole.
    pub chunks_released: usize,
    /// Pages given back, each counted once though it is in every unit.
    pub pages_released: usize,
    /// Pages backed in advance, counted alike.
    pub pages_populated: usize,
}

impl<S: System> Allocator<S> {
    /// Whether a balance would find something to do; a hint.
    pub(crate) fn is_due(&self) -> bool {
        // Relaxed: a hint.
        self.due.load(Relaxed)
    }

    /// Gives back all that need not be kept, and brings up what should be there.
    pub(crate) fn balance(&self) -> Balanced {
        self.flush();
        let mut news = News::default();
        let _grow = self.grow.lock();
        self.due.store(false, Relaxed);
        self.owed.store(false, Relaxed);
        let mut done = Balanced::default();
        while self.release_one(&mut news) {
            done.chunks_released += 1;
        }
        self.index.lock().set.isolate_idle();
        while let pages @ 1.. = self.depopulate_some(usize::MAX) {
            done.pages_released += pages;
        }
        if self.spans.is_eager() {
            done.pages_populated = self.top_up(&mut news);
        }
        // Depopulated chunks may be free ones now.
        while self.release_one(&mut news) {
            done.chunks_released += 1;
        }
        done
    }

    /// The share of the work that a free takes. Never waits.
    pub(super) fn share(&self) {
        let mut news = News::default();
        // Relaxed: hints, which order nothing.
        self.owed.store(true, Relaxed);
        self.due.store(true, Relaxed);
        let Some(_grow) = self.grow.try_lock() else { return };
        let pages = self.depopulate_some(SHARE);
        // After it: a chunk that was set aside may be a free one now.
        if !self.release_one(&mut news) && pages < SHARE {
            self.owed.store(false, Relaxed);
        }
    }

    /// Gives back what can be, for a request that the system refused. `grow`
    /// is held.
    pub(super) fn purge(&self, news: &mut News) {
        self.flush();
        while self.release_one(news) {}
    }

    /// Gives a free chunk back, unless it is the last. `grow` is held.
    fn release_one(&self, news: &mut News) -> bool {
        let mut index = self.index.lock();
        let Some(id) = index.set.take_spare_empty() else { return false };
        let span = index.spans[id.index()].take();
        index.by_address.retain(|&(_, other)| other != id);
        drop(index);
        if let Some(span) = &span {
            news.gone(span.base());
        }
        // The system's part, under no lock but `grow`.
        drop(span);
        self.index.lock().set.forget(id);
        true
    }

    /// Gives a run of idle pages back; answers how many. `grow` is held.
    fn depopulate_some(&self, limit: usize) -> usize {
        let mut index = self.index.lock();
        let Some((id, pages)) = index.set.next_depopulation(limit) else { return 0 };
        let span = index.spans[id.index()].clone();
        drop(index);
        let done = span.is_some_and(|span| self.spans.discard(&span, pages.clone()));
        if !done {
            // They may be backed still, in some units: as dirty as they were.
            return 0;
        }
        self.index.lock().set.depopulated(id, pages.clone());
        pages.len()
    }

    /// Populates pages until enough idle ones are there; answers how many.
    /// `grow` is held. An error ends it: whoever needs a page will hear of it.
    fn top_up(&self, news: &mut News) -> usize {
        let mut wanted = {
            let mut index = self.index.lock();
            let failed = core::mem::take(&mut index.atomic_failed);
            let idle = if failed { 0 } else { index.set.empty_populated_pages() };
            EMPTY_HIGH.saturating_sub(idle)
        };
        let mut done = 0;
        while wanted > 0 {
            let index = self.index.lock();
            let next = index.set.next_to_populate(wanted);
            let span = next.as_ref().and_then(|(id, _)| index.spans[id.index()].clone());
            drop(index);
            let (Some((id, pages)), Some(span)) = (next, span) else {
                if self.add_chunk(news).is_err() {
                    break;
                }
                continue;
            };
            if self.spans.populate(&span, pages.clone()).is_err() {
                break;
            }
            wanted -= pages.len();
            done += pages.len();
            self.index.lock().set.mark_populated(id, pages);
        }
        done
    }
}
