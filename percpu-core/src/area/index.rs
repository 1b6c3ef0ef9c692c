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

use super::chunk::{Area, Chunk, FreeError};
use super::request::{Limits, SizeError};
use super::slots::{FAIL_THRESHOLD, Slot, Slots};

/// The number of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(u32);

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
}

/// All chunks of the process.
#[derive(Debug)]
pub struct ChunkSet {
    limits: Limits,
    chunks: Vec<Option<Chunk>>,
    slots: Slots,
    reserved: Option<ChunkId>,
}

impl ChunkSet {
    /// No chunks yet; units will have `limits.max_section` bytes.
    pub fn new(limits: Limits) -> Self {
        let slots = Slots::new(limits.max_section);
        Self { limits, chunks: Vec::new(), slots, reserved: None }
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
    /// If its unit is not that of this set.
    pub fn insert(&mut self, chunk: Chunk) -> ChunkId {
        let contig = chunk.contig_bytes();
        let id = self.store(chunk);
        self.slots.place(id.0, self.slots.slot_for(contig));
        id
    }

    /// Adds the chunk that [`ChunkSet::alloc_reserved`] takes from.
    ///
    /// # Panics
    /// If there is one already, or its unit is not that of this set.
    pub fn insert_reserved(&mut self, chunk: Chunk) -> ChunkId {
        assert!(self.reserved.is_none(), "one reserved chunk");
        let id = self.store(chunk);
        self.slots.place(id.0, Slot::FULL);
        self.slots.remove(id.0);
        self.reserved = Some(id);
        id
    }

    fn store(&mut self, chunk: Chunk) -> ChunkId {
        assert_eq!(chunk.unit_bytes(), self.limits.max_section, "the unit of this set");
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
        self.limits.check(size, align).ok()?;
        self.alloc_any(size, align)
    }

    /// The same for the statics of a link unit, which may be as large as a
    /// unit.
    pub fn alloc_section(&mut self, size: usize, align: usize) -> Option<(ChunkId, Area)> {
        self.limits.check_section(size, align).ok()?;
        self.alloc_any(size, align)
    }

    /// The same from the reserved chunk and no other; from any if there is no
    /// reserved chunk.
    pub fn alloc_reserved(&mut self, size: usize, align: usize) -> Option<(ChunkId, Area)> {
        let Some(id) = self.reserved else {
            return self.alloc(size, align);
        };
        self.limits.check(size, align).ok()?;
        let area = self.chunks[id.index()].as_mut()?.alloc(size, align)?;
        Some((id, area))
    }

    #[inline]
    fn alloc_any(&mut self, size: usize, align: usize) -> Option<(ChunkId, Area)> {
        let mut next = self.slots.first_for(size);
        while let Some(id) = next {
            let chunk = listed(&mut self.chunks, id);
            if let Some(area) = chunk.alloc(size, align) {
                // Isolated or not, the chunk is an ordinary one from now on.
                self.slots.place(id, self.slots.slot_for(chunk.contig_bytes()));
                return Some((ChunkId(id), area));
            }
            next = self.slots.after(id);
            if self.slots.slot(id) < Some(FAIL_THRESHOLD) {
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
        let chunk = self.chunks.get_mut(id.index()).and_then(Option::as_mut);
        let chunk = chunk.ok_or(FreeError::NotAllocated)?;
        let bytes = chunk.free(offset)?;
        self.slots.relocate(id.0, self.slots.slot_for(chunk.contig_bytes()));
        Ok(Freed { bytes, now_empty: chunk.is_free() })
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
        self.slots.remove(spare);
        Some(ChunkId(spare))
    }

    /// Forgets a chunk that was taken out; its number may be reused.
    ///
    /// # Panics
    /// If the chunk is still in the set, or never was.
    pub fn forget(&mut self, id: ChunkId) -> Chunk {
        let out = self.slots.slot(id.0).is_none() && self.reserved != Some(id);
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
            self.slots.place(id.0, slot);
        }
    }

    /// Whether the chunk is set aside.
    pub fn is_isolated(&self, id: ChunkId) -> bool {
        self.slots.is_isolated(id.0)
    }

    /// The pages of `offset..offset + len` were given back: they are zero when
    /// they are used next.
    pub fn mark_zero(&mut self, id: ChunkId, offset: usize, len: usize) {
        listed(&mut self.chunks, id.0).mark_zero(offset, len);
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
fn listed(chunks: &mut [Option<Chunk>], id: u32) -> &mut Chunk {
    chunks[id as usize].as_mut().expect("a listed chunk")
}
