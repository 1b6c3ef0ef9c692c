//! All chunks, and the one question asked of them: where is room?
//!
//! # Why
//! Allocation and free touch this index only; memory is mapped, backed and
//! given back elsewhere, under another lock. So everything here is short, does
//! no I/O, and tells its caller what became of the chunk it touched: a new
//! chunk is needed, one is empty now, one can go.
//!
//! # One request
//! ```text
//!   alloc(size) -> slots from slot(size) up to the free one, fullest first
//!        chunk says no  -> next; from a slot below 3 it sinks to slot 0
//!        chunk says yes -> an isolated chunk is taken back, others move to
//!                          the slot of what is left of their longest hole
//!        no chunk left  -> None: the caller makes one, inserts it, asks again
//! ```
//!
//! # Invariants
//! 1. A listed chunk that is not isolated stands in the slot of its longest
//!    hole, or in slot 0 after it failed a request.
//! 2. A chunk taken by [`ChunkSet::take_spare_empty`] is in no list: nothing is
//!    allocated from it again. Its number is not reused before
//!    [`ChunkSet::forget`].
//! 3. Immutable chunks are never spare, and one free chunk is always kept.
//! 4. The reserved chunk is in no list: ordinary requests never reach it.
//! 5. (I5) `empty_pop` is the sum of the empty populated pages of the chunks
//!    that are listed and not isolated.
//!
//! When pages and chunks are given back is decided in `reclaim.rs`.

use super::chunk::{Area, Chunk, FreeError, Pages};
use super::request::{Limits, SizeError};
use super::slots::{FAIL_THRESHOLD, Slot, Slots};

/// The number of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(pub(super) u32);

impl ChunkId {
    /// The number, for indexing: as small as can be.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a free did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Bytes that are free again in every unit.
    pub bytes: usize,
    /// Whether nothing of the chunk is in use any more.
    pub now_empty: bool,
    /// Whether there is something to give back to the system now.
    pub balance_due: bool,
}

/// All chunks of the process.
#[derive(Debug)]
pub struct ChunkSet {
    pub(super) limits: Limits,
    pub(super) chunks: Vec<Option<Chunk>>,
    pub(super) slots: Slots,
    reserved: Option<ChunkId>,
    /// INVARIANT: 5.
    pub(super) empty_pop: usize,
}

impl ChunkSet {
    /// No chunks yet; units will have `limits.max_section` bytes.
    pub fn new(limits: Limits) -> Self {
        let slots = Slots::new(limits.max_section);
        Self { limits, chunks: Vec::new(), slots, reserved: None, empty_pop: 0 }
    }

    /// Whether `size` bytes aligned to `align` may be asked for.
    ///
    /// # Errors
    /// [`SizeError`] names the rule that is broken.
    pub const fn check(&self, size: usize, align: usize) -> Result<(), SizeError> {
        self.limits.check(size, align)
    }

    /// The same for the statics of a link unit.
    ///
    /// # Errors
    /// [`SizeError`] names the rule that is broken.
    pub const fn check_section(&self, size: usize, align: usize) -> Result<(), SizeError> {
        self.limits.check_section(size, align)
    }

    /// Adds a chunk.
    ///
    /// # Panics
    /// If its unit is larger than those of this set.
    pub fn insert(&mut self, chunk: Chunk) -> ChunkId {
        let (contig, empty) = (chunk.contig_bytes(), chunk.empty_populated_pages());
        let id = self.store(chunk);
        self.slots.place(id.0, self.slots.slot_for(contig));
        self.empty_pop += empty;
        id
    }

    /// Adds the chunk that [`ChunkSet::alloc_reserved`] takes from.
    ///
    /// # Panics
    /// If there is one already, or its unit is larger than those of this set.
    pub fn insert_reserved(&mut self, chunk: Chunk) -> ChunkId {
        assert!(self.reserved.is_none(), "one reserved chunk");
        let id = self.store(chunk);
        self.slots.place(id.0, Slot::FULL);
        self.slots.remove(id.0);
        self.reserved = Some(id);
        id
    }

    fn store(&mut self, chunk: Chunk) -> ChunkId {
        assert!(chunk.unit_bytes() <= self.limits.max_section, "a unit of this set");
        let hole = self.chunks.iter().position(Option::is_none);
        let nth = hole.unwrap_or(self.chunks.len());
        let id = ChunkId(u32::try_from(nth).expect("fewer than 2^32 chunks"));
        match hole {
            Some(nth) => self.chunks[nth] = Some(chunk),
            None => self.chunks.push(Some(chunk)),
        }
        id
    }

    /// Takes `size` bytes at a multiple of `align` from the fullest chunk with
    /// room. `None`: no chunk has room, or the request is over the limits.
    pub fn alloc(&mut self, size: usize, align: usize) -> Option<(ChunkId, Area)> {
        self.alloc_in(size, align, Pages::Any)
    }

    /// The same in the pages that `pages` allows.
    pub fn alloc_in(&mut self, size: usize, align: usize, pages: Pages) -> Option<(ChunkId, Area)> {
        self.limits.check(size, align).ok()?;
        self.alloc_listed(size, align, pages)
    }

    /// The same for the statics of a link unit, which may be as large as a
    /// unit.
    pub fn alloc_section(&mut self, size: usize, align: usize) -> Option<(ChunkId, Area)> {
        self.limits.check_section(size, align).ok()?;
        self.alloc_listed(size, align, Pages::Any)
    }

    /// The same from the reserved chunk and no other; from any if there is no
    /// reserved chunk.
    pub fn alloc_reserved(&mut self, size: usize, align: usize) -> Option<(ChunkId, Area)> {
        self.limits.check_section(size, align).ok()?;
        let Some(id) = self.reserved else {
            return self.alloc_listed(size, align, Pages::Any);
        };
        let area = self.chunks[id.index()].as_mut()?.alloc(size, align)?;
        Some((id, area))
    }

    /// The chunk of [`ChunkSet::alloc_reserved`], if there is one.
    pub fn reserved(&self) -> Option<ChunkId> {
        self.reserved
    }

    #[inline]
    fn alloc_listed(&mut self, size: usize, align: usize, pages: Pages) -> Option<(ChunkId, Area)> {
        let mut next = self.slots.first_for(size);
        while let Some(id) = next {
            let counted = self.counted(id);
            let chunk = listed(&mut self.chunks, id);
            if let Some(area) = chunk.alloc_in(size, align, pages) {
                // Isolated or not, the chunk is an ordinary one from now on.
                self.empty_pop = self.empty_pop - counted + chunk.empty_populated_pages();
                self.slots.place(id, self.slots.slot_for(chunk.contig_bytes()));
                return Some((ChunkId(id), area));
            }
            next = self.slots.after(id);
            if pages == Pages::Any && self.slots.slot(id) < Some(FAIL_THRESHOLD) {
                self.slots.relocate(id, Slot::FULL);
            }
        }
        None
    }

    /// Gives back the allocation of chunk `id` that starts at `offset`.
    ///
    /// # Errors
    /// [`FreeError`] if none starts there, or there is no such chunk. Nothing
    /// is changed then.
    pub fn free(&mut self, id: ChunkId, offset: usize) -> Result<Freed, FreeError> {
        let counted = self.counted(id.0);
        let chunk = self.chunks.get_mut(id.index()).and_then(Option::as_mut);
        let chunk = chunk.ok_or(FreeError::NotAllocated)?;
        let bytes = chunk.free(offset)?;
        let now_empty = chunk.is_free();
        self.slots.relocate(id.0, self.slots.slot_for(chunk.contig_bytes()));
        self.empty_pop = self.empty_pop - counted + self.counted(id.0);
        let spare = now_empty && !self.is_isolated(id) && self.has_spare_empty();
        let balance_due = spare || self.isolate_if_idle(id);
        Ok(Freed { bytes, now_empty, balance_due })
    }

    /// The empty populated pages of a chunk, if they count (I5).
    pub(super) fn counted(&self, id: u32) -> usize {
        if self.slots.slot(id).is_none() || self.slots.is_isolated(id) {
            return 0;
        }
        self.chunks[id as usize].as_ref().map_or(0, Chunk::empty_populated_pages)
    }

    /// Whether the chunk is set aside.
    pub fn is_isolated(&self, id: ChunkId) -> bool {
        self.slots.is_isolated(id.0)
    }

    /// Chunk `id`.
    pub fn get(&self, id: ChunkId) -> Option<&Chunk> {
        self.chunks.get(id.index())?.as_ref()
    }

    /// All chunks with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (ChunkId, &Chunk)> {
        (0..).zip(&self.chunks).filter_map(|(id, chunk)| Some((ChunkId(id), chunk.as_ref()?)))
    }

    /// Checks every invariant of the chunks, the lists and their match.
    ///
    /// # Panics
    /// If one does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.slots.check_invariants();
        let counted = self.iter().map(|(id, _)| self.counted(id.0)).sum::<usize>();
        assert_eq!(self.empty_pop, counted, "5: empty populated pages");
        for (id, chunk) in self.iter() {
            chunk.check_invariants();
            let slot = self.slots.slot(id.0);
            if slot.is_some() && slot != Some(Slot::FULL) && !self.is_isolated(id) {
                let want = self.slots.slot_for(chunk.contig_bytes());
                assert_eq!(slot, Some(want), "1: slot of {id:?}");
            }
        }
    }
}

/// A chunk that is in a list, so it is there.
#[inline]
pub(super) fn listed(chunks: &mut [Option<Chunk>], id: u32) -> &mut Chunk {
    chunks[id as usize].as_mut().expect("a listed chunk")
}
