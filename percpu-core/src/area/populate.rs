//! Which pages of a chunk are populated, and which of them nobody uses.
//!
//! A populated page is one that may be handed out without asking the system:
//! where memory is backed eagerly it has backing in every unit, else it may
//! have some. A page is populated in all units or in none.
//!
//! ```text
//!   unpopulated --alloc, or topped up--> populated, in use
//!        ^                                  |  ^
//!        |                            free  v  | alloc
//!        +--given back, from the end-- populated, empty
//! ```

use core::ops::Range;

use super::bitmap;
use super::chunk::{Area, Chunk};
use super::request::GRANULE;

impl Chunk {
    /// Pages of a unit that are populated.
    pub fn populated_pages(&self) -> usize {
        self.nr_populated as usize
    }

    /// Populated pages with nothing in use.
    pub fn empty_populated_pages(&self) -> usize {
        self.nr_empty_pop as usize
    }

    /// Whether page `nth` is populated.
    pub fn is_page_populated(&self, nth: usize) -> bool {
        bitmap::test(&self.populated, nth as u32)
    }

    /// The first run of pages that are not populated, of those `area` lies in.
    pub fn unpopulated_in(&self, area: &Area) -> Option<Range<usize>> {
        let granules = (area.offset / GRANULE) as u32..((area.offset + area.size) / GRANULE) as u32;
        self.unpopulated(self.pages(&granules))
    }

    /// The first run of pages that are not populated, at most `limit` of them.
    pub fn first_unpopulated(&self, limit: usize) -> Option<Range<usize>> {
        let run = self.unpopulated(0..self.blocks.len() as u32)?;
        Some(run.start..run.end.min(run.start + limit))
    }

    fn unpopulated(&self, pages: Range<u32>) -> Option<Range<usize>> {
        let start = bitmap::next_zero(&self.populated, pages.clone());
        let end = bitmap::next_set(&self.populated, start..pages.end);
        (start < end).then_some(start as usize..end as usize)
    }

    /// The last run of populated pages with nothing in use, at most `limit` of
    /// them, from its end.
    pub fn last_empty_populated(&self, limit: usize) -> Option<Range<usize>> {
        let idle = |nth: &usize| self.blocks[*nth].is_free() && self.is_page_populated(*nth);
        let last = (0..self.blocks.len()).rev().find(idle)?;
        // `None` for a limit of 0.
        let start = (0..=last).rev().take(limit).take_while(idle).last()?;
        Some(start..last + 1)
    }

    /// The pages are populated from now on.
    pub fn mark_populated(&mut self, pages: Range<usize>) {
        for nth in pages {
            if !bitmap::test(&self.populated, nth as u32) {
                bitmap::set_bit(&mut self.populated, nth as u32);
                self.nr_populated += 1;
                self.nr_empty_pop += u32::from(self.blocks[nth].is_free());
            }
        }
    }

    /// The pages, with nothing in use, are not populated from now on.
    pub fn mark_unpopulated(&mut self, pages: Range<usize>) {
        for nth in pages {
            debug_assert!(self.blocks[nth].is_free(), "nothing of page {nth} is in use");
            if bitmap::test(&self.populated, nth as u32) {
                bitmap::clear(&mut self.populated, nth as u32..nth as u32 + 1);
                self.nr_populated -= 1;
                self.nr_empty_pop -= 1;
            }
        }
    }

    /// Whether every page that the granules lie in is populated.
    pub(super) fn is_populated(&self, granules: Range<u32>) -> bool {
        self.unpopulated(self.pages(&granules)).is_none()
    }

    /// The lowest multiple of `align` with `bits` free granules whose pages are
    /// populated.
    #[cold]
    pub(super) fn find_populated(&self, bits: u32, align: u32) -> Option<u32> {
        let mut from = self.hints.first_free;
        loop {
            let range = from..self.hints.nr_bits;
            let start = bitmap::find_zeros_sparse(&self.alloc, range, bits, align)?;
            let Some(gap) = self.unpopulated(self.pages(&(start..start + bits))) else {
                return Some(start);
            };
            from = (gap.end as u32) << self.block_shift;
        }
    }

    /// The pages that some of the granules lie in.
    fn pages(&self, granules: &Range<u32>) -> Range<u32> {
        self.block_of(granules.start)..self.block_of(granules.end - 1) + 1
    }
}
