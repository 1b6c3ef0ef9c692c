//! When chunks and pages are given back to the system, and brought up again.
//!
//! # Why
//! Free memory is worth keeping at hand, but not all of it: one free chunk stays
//! (the kernel's grim reaper takes the others), and some empty populated pages.
//! Here is only the decision; who acts on it holds the long lock and does the
//! system's part between two calls, so none of these waits for the system.
//!
//! # The life of a page-wise reclaimed chunk
//! ```text
//!   in a slot --a quarter empty, and enough elsewhere--> to depopulate
//!       ^                                                    | pages from the end
//!       |<-- the idle pages that are left are wanted ---------|
//!       |<-- nothing in use ----------------------------------|
//!       |                                                    v nothing idle left
//!       +--used when all others are full------------------ sidelined
//! ```
//! Sources: sections 3.1.7 and 3.1.8 of the kernel's description, row DA-12.

use core::ops::Range;

use super::chunk::Chunk;
use super::index::{ChunkId, ChunkSet, listed};
use super::slots::Slot;

/// Fewer empty populated pages than this are topped up.
#[doc(alias = "PCPU_EMPTY_POP_PAGES_LOW")]
pub(crate) const EMPTY_LOW: usize = 2;
/// Up to this many.
#[doc(alias = "PCPU_EMPTY_POP_PAGES_HIGH")]
pub(crate) const EMPTY_HIGH: usize = 4;

impl ChunkSet {
    /// Empty populated pages that requests can count on.
    pub fn empty_populated_pages(&self) -> usize {
        self.empty_pop
    }

    /// Whether [`ChunkSet::take_spare_empty`] would find one.
    pub fn has_spare_empty(&self) -> bool {
        self.slots.list(self.slots.free()).nth(1).is_some()
    }

    /// Takes out a chunk with nothing in use, if one more is there to keep.
    /// The caller gives back its memory and then calls [`ChunkSet::forget`].
    pub fn take_spare_empty(&mut self) -> Option<ChunkId> {
        if !self.has_spare_empty() {
            return None;
        }
        let mutable = |&id: &u32| self.get(ChunkId(id)).is_some_and(|c| !c.is_immutable());
        let spare = self.slots.list(self.slots.free()).filter(mutable).last()?;
        self.empty_pop -= self.counted(spare);
        self.slots.remove(spare);
        Some(ChunkId(spare))
    }

    /// Forgets a chunk that was taken out; its number may be reused.
    ///
    /// # Panics
    /// If the chunk is still in the set, or never was.
    pub fn forget(&mut self, id: ChunkId) -> Chunk {
        let out = self.slots.slot(id.0).is_none() && self.reserved() != Some(id);
        assert!(out, "take_spare_empty comes first");
        self.chunks[id.index()].take().expect("a chunk of this set")
    }

    /// Sets a chunk aside whose pages are about to be given back: nothing is
    /// allocated from it until it is sidelined or reintegrated.
    pub fn isolate(&mut self, id: ChunkId) {
        self.move_listed(id, self.slots.to_depopulate());
    }

    /// Sets a chunk aside whose pages were given back: it is used when all
    /// others but the free ones are full, and is an ordinary chunk from then.
    pub fn sideline(&mut self, id: ChunkId) {
        self.move_listed(id, self.slots.sidelined());
    }

    /// Takes a chunk back among the ordinary ones.
    pub fn reintegrate(&mut self, id: ChunkId) {
        let contig = self.get(id).map_or(0, Chunk::contig_bytes);
        self.move_listed(id, self.slots.slot_for(contig));
    }

    fn move_listed(&mut self, id: ChunkId, slot: Slot) {
        if self.slots.slot(id.0).is_some() {
            let counted = self.counted(id.0);
            self.slots.place(id.0, slot);
            self.empty_pop = self.empty_pop - counted + self.counted(id.0);
        }
    }

    /// The chunk, if it is in a list and its pages may be given back at all.
    fn reclaimable(&self, id: ChunkId) -> Option<&Chunk> {
        let listed = self.slots.slot(id.0).is_some();
        self.get(id).filter(|chunk| listed && !chunk.is_immutable())
    }

    /// The reclaim rule, after a free in chunk `id`: isolates the chunk if
    /// enough of it is idle, and says so.
    pub(super) fn isolate_if_idle(&mut self, id: ChunkId) -> bool {
        let Some(chunk) = self.reclaimable(id) else { return false };
        let empty = chunk.empty_populated_pages();
        let idle = if self.is_isolated(id) {
            empty > 0
        } else {
            self.empty_pop > EMPTY_HIGH + empty && empty * 4 >= chunk.nr_blocks()
        };
        if idle {
            self.isolate(id);
        }
        idle
    }

    /// The next run of idle pages to give back, at most `limit` pages, with the
    /// chunk they are of. They are not populated any more; the caller has them
    /// discarded in every unit and then calls [`ChunkSet::depopulated`].
    pub fn next_depopulation(&mut self, limit: usize) -> Option<(ChunkId, Range<usize>)> {
        loop {
            let id = self.slots.list(self.slots.to_depopulate()).next()?;
            // A chunk that can go as a whole need not go by pages.
            let spare = self.slots.list(self.slots.free()).next().is_some();
            let chunk = listed(&mut self.chunks, id);
            let idle = chunk.empty_populated_pages();
            let excess = (self.empty_pop + idle).saturating_sub(EMPTY_HIGH).min(limit);
            if chunk.is_free() && spare || idle > 0 && excess == 0 {
                self.reintegrate(ChunkId(id));
            } else if let Some(pages) = chunk.last_empty_populated(excess) {
                chunk.mark_unpopulated(pages.clone());
                return Some((ChunkId(id), pages));
            } else if chunk.is_free() {
                self.reintegrate(ChunkId(id));
            } else {
                self.sideline(ChunkId(id));
            }
        }
    }

    /// Isolates every chunk of which a quarter is idle, or all that was touched,
    /// while there are more idle pages than need be: for who asks for a balance.
    pub fn isolate_idle(&mut self) {
        for id in (0..self.chunks.len() as u32).map(ChunkId) {
            let Some(chunk) = self.reclaimable(id) else { continue };
            let idle = chunk.empty_populated_pages();
            let worth_it = idle * 4 >= chunk.nr_blocks() || chunk.is_free() && idle > 0;
            if worth_it && self.empty_pop > EMPTY_HIGH && !self.is_isolated(id) {
                self.isolate(id);
            }
        }
    }

    /// The pages were discarded: they are zero when they are used next.
    pub fn depopulated(&mut self, id: ChunkId, pages: Range<usize>) {
        let chunk = listed(&mut self.chunks, id.0);
        let page = chunk.page_bytes();
        chunk.mark_zero(pages.start * page, pages.len() * page);
    }

    /// Pages to populate in advance, at most `limit`, with the chunk they are
    /// of: the fullest one with room for a page.
    pub fn next_to_populate(&self, limit: usize) -> Option<(ChunkId, Range<usize>)> {
        let mut next = self.slots.first_for(self.limits.max_align);
        while let Some(id) = next {
            let chunk = self.chunks[id as usize].as_ref()?;
            // Of the first chunk what is not populated as far as it knows is not its own:
            // statics lie there, and what the reserved chunk gave out.
            let own = Some(chunk).filter(|chunk| !chunk.is_immutable());
            if let Some(pages) = own.and_then(|chunk| chunk.first_unpopulated(limit)) {
                return Some((ChunkId(id), pages));
            }
            next = self.slots.after(id);
        }
        None
    }

    /// The pages are populated from now on, in every unit.
    pub fn mark_populated(&mut self, id: ChunkId, pages: Range<usize>) {
        let counted = self.counted(id.0);
        listed(&mut self.chunks, id.0).mark_populated(pages);
        self.empty_pop = self.empty_pop - counted + self.counted(id.0);
    }
}
