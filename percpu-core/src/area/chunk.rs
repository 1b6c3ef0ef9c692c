//! The index of one chunk: which bytes of a unit are handed out.
//!
//! # Why
//! A chunk is the same range of bytes on every CPU, one *unit* a CPU. An
//! allocation is an offset that is valid in all units, so one index serves them
//! all, however many CPUs there are. This file is that index and nothing else:
//! no memory, no lock.
//!
//! # State
//! | map | a set bit says | written |
//! | --- | --- | --- |
//! | `alloc` | the granule is in use, or hidden | on allocation and free |
//! | `bound` | an allocation starts here, or ended in front of here | on allocation only |
//! | `dirty` | a granule of this line was freed: the line may not be zero | on free |
//! | `populated` | the page may be handed out without asking the system | by `populate.rs` |
//!
//! ```text
//!   offset   0       16      32   40        56            unit_bytes
//!   granule  0 1 2 3 4 5 6 7 8 9  10 ..     14 ..                |
//!   alloc    1 1 1 1 1 1 1 1 1 1  0 0 0 0   1 1 1 1   0 0 .. 1 1
//!   bound    0 0 0 0 1 0 0 0 1 0  1 . . .   1 0 0 0   1 . ..     .
//!            hidden  |  A    | B  | hole    |   C     | free    hidden end
//! ```
//! A hidden start is the static part that the first chunk shares its pages
//! with, a hidden end its padding to whole pages. Bits of `bound` mean nothing
//! where `alloc` is clear. A bit of `dirty` stands for a line of 16 granules and
//! one of `populated` for a block, which is a page.
//!
//! # Invariants
//! I1 to I4 of `block.rs`, and:
//! 5. Inside an allocation no bit of `bound` is set but the first; the bit
//!    behind it is set. So an allocation ends at the next set bit.
//! 6. Hidden granules are in use, and no allocation starts in them.
//! 7. `nr_alloc` is the number of live allocations.
//! 8. What was `refused` fits nowhere, nor does anything at least as long and
//!    at least as aligned, until something is freed: holes only shrink till
//!    then. So a chunk that is too fragmented for wide alignments is walked
//!    once for them, not at every request.
//! 9. `nr_empty_pop` is the number of populated pages with nothing in use.
//!
//! Where a request fits is found in `search.rs`; `update.rs` keeps the hints
//! true.

use core::fmt;
use core::ops::Range;

use super::bitmap;
use super::block::Hints;
use super::request::GRANULE;

/// A place in every unit of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Bytes from the start of the unit.
    pub offset: usize,
    /// Bytes, whole granules.
    pub size: usize,
    /// Whether the bytes were used before; else they are zero as they came.
    pub needs_zero: bool,
}

/// In which pages an allocation may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// In any; the caller populates those that are not.
    Any,
    /// In populated ones: the caller must not ask the system.
    Populated,
}

/// Why an offset could not be freed. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeError {
    /// Nothing is allocated there; it may have been freed already.
    NotAllocated,
    /// The offset lies inside an allocation, or in the hidden part.
    NotAStart,
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAllocated => "nothing is allocated at this offset",
            Self::NotAStart => "no allocation starts at this offset",
        })
    }
}

impl core::error::Error for FreeError {}

/// Positions, lengths and alignments stay below this, so that their sums fit
/// in a `u32`.
const MAX_GRANULES: u32 = 1 << 30;

/// Granules in a line of the `dirty` map: 64 bytes.
const LINE: u32 = 16;

/// No request is as long as this.
const NOTHING_REFUSED: (u32, u32) = (u32::MAX, 0);

/// The index of one chunk.
#[doc(alias = "pcpu_chunk")]
pub struct Chunk {
    /// What is known of the holes of the whole chunk.
    pub(super) hints: Hints,
    /// The same for each block.
    pub(super) blocks: Box<[Hints]>,
    /// Granules in use.
    pub(super) alloc: Box<[u64]>,
    /// Starts and ends of allocations, one bit longer than the others.
    pub(super) bound: Box<[u64]>,
    /// Lines with granules that were handed out and freed.
    pub(super) dirty: Box<[u64]>,
    /// Pages that may be handed out without asking the system.
    pub(super) populated: Box<[u64]>,
    /// INVARIANT: the one bits of `populated`.
    pub(super) nr_populated: u32,
    /// INVARIANT: 9.
    pub(super) nr_empty_pop: u32,
    /// A block has `1 << block_shift` granules.
    pub(super) block_shift: u32,
    /// What the chunk serves; the rest is hidden.
    pub(super) served: Range<u32>,
    /// INVARIANT: the zero bits of `alloc` (I4).
    pub(super) free: u32,
    /// Live allocations.
    pub(super) nr_alloc: usize,
    /// The largest allocation there has ever been, in bytes.
    pub(super) max_alloc_size: usize,
    /// A length and an alignment that did not fit; beyond any when unknown.
    ///
    /// INVARIANT: 8.
    refused: (u32, u32),
    immutable: bool,
}

impl Chunk {
    /// A chunk with units of `unit_bytes` in blocks of `block_bytes`, whose
    /// first `start_offset` and last `end_offset` bytes are hidden.
    ///
    /// # Panics
    /// If a block is not a power of two of at least 256 bytes, a unit not one
    /// or more whole blocks, or a hidden part not whole granules of the unit.
    pub fn new(
        unit_bytes: usize,
        block_bytes: usize,
        start_offset: usize,
        end_offset: usize,
    ) -> Self {
        assert!(block_bytes.is_power_of_two() && block_bytes >= 64 * GRANULE, "no such block");
        assert!(unit_bytes > 0 && unit_bytes.is_multiple_of(block_bytes), "a unit is whole blocks");
        assert!(
            start_offset.is_multiple_of(GRANULE) && end_offset.is_multiple_of(GRANULE),
            "whole granules"
        );
        let bits = granules(unit_bytes).filter(|&bits| bits <= MAX_GRANULES);
        let bits = bits.expect("a unit has at most 2^30 granules");
        let hidden = start_offset.checked_add(end_offset);
        assert!(hidden.is_some_and(|hidden| hidden <= unit_bytes), "hidden parts fit in the unit");

        let block = Hints::all_free((block_bytes / GRANULE) as u32);
        let start = (start_offset / GRANULE) as u32;
        let mut chunk = Self {
            hints: Hints::all_free(bits),
            blocks: vec![block; unit_bytes / block_bytes].into_boxed_slice(),
            alloc: bitmap::zeroed(bits),
            bound: bitmap::zeroed(bits + 1),
            dirty: bitmap::zeroed(bits.div_ceil(LINE)),
            populated: bitmap::zeroed(bits >> block.nr_bits.trailing_zeros()),
            nr_populated: 0,
            nr_empty_pop: 0,
            block_shift: block.nr_bits.trailing_zeros(),
            served: start..bits - (end_offset / GRANULE) as u32,
            free: bits,
            nr_alloc: 0,
            max_alloc_size: 0,
            refused: NOTHING_REFUSED,
            immutable: false,
        };
        for hidden in [0..start, chunk.served.end..bits] {
            if !hidden.is_empty() {
                chunk.occupy(hidden);
            }
        }
        chunk
    }

    /// Marks the chunk as one whose memory is never given back: the first.
    #[must_use]
    pub fn immutable(self) -> Self {
        Self { immutable: true, ..self }
    }

    /// Takes `size` bytes at a multiple of `align`, at the lowest offset where
    /// they fit; `None` if they fit nowhere.
    ///
    /// The size is rounded up to granules and the alignment raised to one. A
    /// size of zero or an alignment that is no power of two fits nowhere.
    ///
    /// # Performance
    /// A few comparisons and two words of each map where the hole at hand is
    /// the longest, as in a chunk that is mostly empty; else a walk over the
    /// hints of the blocks and, as a rule, the words of one block.
    #[inline]
    pub fn alloc(&mut self, size: usize, align: usize) -> Option<Area> {
        self.alloc_in(size, align, Pages::Any)
    }

    /// The same in the pages that `pages` allows.
    #[inline]
    pub fn alloc_in(&mut self, size: usize, align: usize, pages: Pages) -> Option<Area> {
        if size == 0 || !align.is_power_of_two() {
            return None;
        }
        let (bits, align) = (granules(size)?, granules(align)?);
        if bits > self.hints.contig.len || align > MAX_GRANULES {
            return None;
        }
        if bits >= self.refused.0 && align >= self.refused.1 {
            return None;
        }
        let Some(mut start) = self.find(bits, align) else {
            self.refused = (bits, align);
            return None;
        };
        if pages == Pages::Populated && !self.is_populated(start..start + bits) {
            start = self.find_populated(bits, align)?;
        }
        let needs_zero = self.claim(start..start + bits);
        Some(Area { offset: bytes(start), size: bytes(bits), needs_zero })
    }

    /// Makes free granules an allocation; answers whether any may be dirty.
    fn claim(&mut self, taken: Range<u32>) -> bool {
        bitmap::clear(&mut self.bound, taken.clone());
        bitmap::set_bit(&mut self.bound, taken.start);
        bitmap::set_bit(&mut self.bound, taken.end);
        let needs_zero = bitmap::any_set(&self.dirty, lines(&taken));
        self.nr_alloc += 1;
        self.max_alloc_size = self.max_alloc_size.max(bytes(taken.end - taken.start));
        self.occupy(taken);
        needs_zero
    }

    /// Gives back the allocation that starts at `offset`; answers its bytes.
    ///
    /// # Errors
    /// [`FreeError`] if none starts there. Nothing is changed then.
    #[inline]
    pub fn free(&mut self, offset: usize) -> Result<usize, FreeError> {
        let start = u32::try_from(offset / GRANULE).map_err(|_| FreeError::NotAllocated)?;
        if start >= self.hints.nr_bits || !bitmap::test(&self.alloc, start) {
            return Err(FreeError::NotAllocated);
        }
        if !offset.is_multiple_of(GRANULE)
            || !self.served.contains(&start)
            || !bitmap::test(&self.bound, start)
        {
            return Err(FreeError::NotAStart);
        }
        let end = self.end_of(start);
        self.vacate(start..end);
        bitmap::set(&mut self.dirty, lines(&(start..end)));
        self.refused = NOTHING_REFUSED;
        self.nr_alloc -= 1;
        Ok(bytes(end - start))
    }

    /// The pages of `offset..offset + len` were given back or zeroed, so they
    /// are as good as fresh. Lines that lie only partly in the range are not.
    ///
    /// # Panics
    /// If the range is not whole granules of the unit.
    pub fn mark_zero(&mut self, offset: usize, len: usize) {
        assert!(offset.is_multiple_of(GRANULE) && len.is_multiple_of(GRANULE), "whole granules");
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.unit_bytes()), "in the unit");
        let (start, end) = (offset / GRANULE, (offset + len) / GRANULE);
        let whole = (start as u32).div_ceil(LINE)..end as u32 / LINE;
        if whole.start < whole.end {
            bitmap::clear(&mut self.dirty, whole);
        }
    }

    /// Bytes in a unit.
    pub fn unit_bytes(&self) -> usize {
        bytes(self.hints.nr_bits)
    }

    /// Whether the chunk hands out the bytes at `offset`.
    pub fn serves(&self, offset: usize) -> bool {
        granules(offset + 1).is_some_and(|behind| self.served.contains(&(behind - 1)))
    }

    /// Bytes in a block, which is a page.
    pub fn page_bytes(&self) -> usize {
        bytes(self.block_bits())
    }

    /// Bytes that are free, in holes of any length.
    pub fn free_bytes(&self) -> usize {
        bytes(self.free)
    }

    /// Bytes of the longest hole.
    pub fn contig_bytes(&self) -> usize {
        bytes(self.hints.contig.len)
    }

    /// Whether nothing is allocated.
    pub fn is_free(&self) -> bool {
        self.nr_alloc == 0
    }

    /// Whether the memory of this chunk stays as long as the process.
    pub fn is_immutable(&self) -> bool {
        self.immutable
    }

    /// How many blocks a unit has.
    pub fn nr_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Whether nothing in block `nth` is in use, so its page may be given back.
    pub fn is_block_free(&self, nth: usize) -> bool {
        self.blocks[nth].is_free()
    }

    /// The end of the allocation that starts at `start`.
    #[inline]
    pub(super) fn end_of(&self, start: u32) -> u32 {
        bitmap::next_set(&self.bound, start + 1..self.hints.nr_bits + 1)
    }

    /// Granules in a block.
    pub(super) const fn block_bits(&self) -> u32 {
        1 << self.block_shift
    }

    /// The block of a granule.
    pub(super) const fn block_of(&self, at: u32) -> u32 {
        at >> self.block_shift
    }

    /// Whether a block starts at a granule.
    pub(super) const fn is_edge(&self, at: u32) -> bool {
        at & (self.block_bits() - 1) == 0
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("unit_bytes", &self.unit_bytes())
            .field("free_bytes", &self.free_bytes())
            .field("contig_bytes", &self.contig_bytes())
            .field("nr_alloc", &self.nr_alloc)
            .field("immutable", &self.immutable)
            .finish_non_exhaustive()
    }
}

/// The lines that some of the granules lie in.
const fn lines(granules: &Range<u32>) -> Range<u32> {
    granules.start / LINE..granules.end.div_ceil(LINE)
}

/// Granules for `size` bytes, if they can be counted.
fn granules(size: usize) -> Option<u32> {
    u32::try_from(size.div_ceil(GRANULE)).ok()
}

const fn bytes(granules: u32) -> usize {
    granules as usize * GRANULE
}
