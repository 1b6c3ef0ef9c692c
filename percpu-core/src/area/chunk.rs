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
//! | `dirty` | the granule was handed out and freed: it may not be zero | on free |
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
//! where `alloc` is clear.
//!
//! # Invariants
//! I1 to I4 of `block.rs`, and:
//! 5. Inside an allocation no bit of `bound` is set but the first; the bit
//!    behind it is set. So an allocation ends at the next set bit.
//! 6. Hidden granules are in use, and no allocation starts in them.
//! 7. `nr_alloc` is the number of live allocations.
//!
//! # The search
//! First fit: of all holes the lowest in which the request fits at its
//! alignment. A request longer than the chunk's `contig` is refused at once. If
//! nothing in front of `contig` can be long enough, the answer is there without
//! a look at any block. Else blocks are walked from the first free granule; a
//! block is read only if its own `contig` is long enough, and holes that cross
//! blocks are judged by the edges of both. Holes that are passed over in a
//! block become its `scan`.

use core::fmt;
use core::ops::Range;

use super::bitmap::{self, Run};
use super::block::Hints;
use super::refresh;
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

/// The index of one chunk.
#[doc(alias = "pcpu_chunk")]
pub struct Chunk {
    /// What is known of the holes of the whole chunk.
    pub(super) hints: Hints,
    /// The same for each block.
    pub(super) blocks: Box<[Hints]>,
    pub(super) alloc: Box<[u64]>,
    pub(super) bound: Box<[u64]>,
    pub(super) dirty: Box<[u64]>,
    /// What the chunk serves; the rest is hidden.
    pub(super) served: Range<u32>,
    /// INVARIANT: the zero bits of `alloc` (I4).
    pub(super) free: u32,
    pub(super) nr_alloc: usize,
    pub(super) max_alloc_size: usize,
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
        let bits = granules(unit_bytes).filter(|&bits| bits <= u32::MAX / 4);
        let bits = bits.expect("a unit has fewer than 2^30 granules");
        let hidden = start_offset.checked_add(end_offset);
        assert!(hidden.is_some_and(|hidden| hidden <= unit_bytes), "hidden parts fit in the unit");

        let block = Hints::all_free((block_bytes / GRANULE) as u32);
        let start = (start_offset / GRANULE) as u32;
        let mut chunk = Self {
            hints: Hints::all_free(bits),
            blocks: vec![block; unit_bytes / block_bytes].into_boxed_slice(),
            alloc: bitmap::zeroed(bits),
            bound: bitmap::zeroed(bits + 1),
            dirty: bitmap::zeroed(bits),
            served: start..bits - (end_offset / GRANULE) as u32,
            free: bits,
            nr_alloc: 0,
            max_alloc_size: 0,
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
    pub fn alloc(&mut self, size: usize, align: usize) -> Option<Area> {
        if size == 0 || !align.is_power_of_two() {
            return None;
        }
        let (bits, align) = (granules(size)?, granules(align)?);
        if bits > self.hints.contig.len || align > self.hints.nr_bits {
            return None;
        }
        let start = self.find(bits, align)?;
        let taken = start..start + bits;

        bitmap::clear(&mut self.bound, start + 1..taken.end);
        bitmap::set(&mut self.bound, start..start + 1);
        bitmap::set(&mut self.bound, taken.end..taken.end + 1);
        let needs_zero = bitmap::any_set(&self.dirty, taken.clone());
        self.occupy(taken);
        let size = bytes(bits);
        self.nr_alloc += 1;
        self.max_alloc_size = self.max_alloc_size.max(size);
        Some(Area { offset: bytes(start), size, needs_zero })
    }

    /// Gives back the allocation that starts at `offset`; answers its bytes.
    ///
    /// # Errors
    /// [`FreeError`] if none starts there. Nothing is changed then.
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
        self.nr_alloc -= 1;
        Ok(bytes(end - start))
    }

    /// The pages of `offset..offset + len` were given back or zeroed, so they
    /// are as good as fresh.
    ///
    /// # Panics
    /// If the range is not whole granules of the unit.
    pub fn mark_zero(&mut self, offset: usize, len: usize) {
        assert!(offset.is_multiple_of(GRANULE) && len.is_multiple_of(GRANULE), "whole granules");
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.unit_bytes()), "in the unit");
        let start = (offset / GRANULE) as u32;
        bitmap::clear(&mut self.dirty, start..start + (len / GRANULE) as u32);
    }

    /// Bytes in a unit.
    pub fn unit_bytes(&self) -> usize {
        bytes(self.hints.nr_bits)
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
    pub(super) fn end_of(&self, start: u32) -> u32 {
        bitmap::next_set(&self.bound, start + 1..self.hints.nr_bits + 1)
    }

    const fn block_bits(&self) -> u32 {
        self.blocks[0].nr_bits
    }

    /// The lowest multiple of `align` with `bits` free granules. `bits` is not
    /// longer than the longest hole.
    #[inline]
    fn find(&mut self, bits: u32, align: u32) -> Option<u32> {
        let Hints { contig, first_free, .. } = self.hints;
        if self.hints.may_fit_before(bits) {
            return self.walk(first_free, bits, align);
        }
        match contig.fit(bits, align) {
            Some(hit) => Some(hit),
            None => self.walk(contig.start, bits, align),
        }
    }

    /// The same, block by block. A free run starts at `from` and nothing in
    /// front of it is long enough.
    fn walk(&mut self, from: u32, bits: u32, align: u32) -> Option<u32> {
        let block_bits = self.block_bits();
        let first = from / block_bits;
        // The free run that reaches up to the block in hand.
        let mut open = Run::NONE;
        let mut base = first * block_bits;
        for block in &mut self.blocks[first as usize..] {
            if open.len > 0 {
                open.len += block.left_free;
                if let Some(hit) = open.fit(bits, align) {
                    return Some(hit);
                }
            }
            if block.contig.len >= bits {
                if let Some(hit) = find_in_block(block, &self.alloc, base, bits, align) {
                    return Some(hit);
                }
            }
            if open.len == 0 || !block.is_free() {
                let start = base + block_bits - block.right_free;
                open = Run { start, len: block.right_free };
            }
            base += block_bits;
        }
        None
    }

    /// Puts the free granules `taken` in use: the map and all hints.
    fn occupy(&mut self, taken: Range<u32>) {
        let block_bits = self.block_bits();
        debug_assert_eq!(bitmap::count(&self.alloc, taken.clone()), 0, "a hole");
        bitmap::set(&mut self.alloc, taken.clone());
        self.free -= taken.end - taken.start;

        let (first, last) = (taken.start / block_bits, (taken.end - 1) / block_bits);
        for nth in first..=last {
            let (base, map) = (nth * block_bits, &self.alloc);
            let start = taken.start.max(base) - base;
            let end = taken.end.min(base + block_bits) - base;
            let block = &mut self.blocks[nth as usize];
            let next = || bitmap::next_zero(map, base + end..base + block_bits) - base;
            if !block.take(start..end, next) {
                refresh::from_map(block, map, base);
            }
        }
        let (blocks, bits) = (&self.blocks, self.hints.nr_bits);
        let next = || {
            let found = (last..).zip(&blocks[last as usize..]).find(|(_, b)| b.contig.len > 0);
            found.map_or(bits, |(nth, block)| nth * block_bits + block.first_free)
        };
        if !self.hints.take(taken, next) {
            refresh::from_blocks(&mut self.hints, blocks);
        }
    }

    /// Frees the granules `freed`, an allocation: the maps and all hints.
    fn vacate(&mut self, freed: Range<u32>) {
        let block_bits = self.block_bits();
        debug_assert!(
            bitmap::count(&self.alloc, freed.clone()) == freed.end - freed.start,
            "an allocation"
        );
        bitmap::clear(&mut self.alloc, freed.clone());
        bitmap::set(&mut self.dirty, freed.clone());
        self.free += freed.end - freed.start;

        let (first, last) = (freed.start / block_bits, (freed.end - 1) / block_bits);
        // The hole of the chunk that comes into being, as the blocks tell.
        let mut hole = freed.clone();
        for nth in first..=last {
            let (base, limit) = (nth * block_bits, (nth + 1) * block_bits);
            let block = &mut self.blocks[nth as usize];
            let (start, end) = (freed.start.max(base), freed.end.min(limit));
            let start = match block.run_up_to(start - base) {
                Some(start) => start,
                None => bitmap::zeros_up_to_end(&self.alloc, base..start) - base,
            };
            let end = match block.run_from(end - base) {
                Some(end) => end,
                None => bitmap::next_set(&self.alloc, end..limit) - base,
            };
            block.give(Run { start, len: end - start });
            hole = hole.start.min(base + start)..hole.end.max(base + end);
        }
        let start = match self.hints.run_up_to(freed.start) {
            Some(start) => start,
            None => self.joined_left(hole.start),
        };
        let end = match self.hints.run_from(freed.end) {
            Some(end) => end,
            None => self.joined_right(hole.end),
        };
        self.hints.give(Run { start, len: end - start });
    }

    /// The start of the hole that reaches down to `at`, over blocks before it.
    fn joined_left(&self, mut at: u32) -> u32 {
        let block_bits = self.block_bits();
        while at > 0 && at.is_multiple_of(block_bits) {
            let block = &self.blocks[(at / block_bits) as usize - 1];
            at -= block.right_free;
            if !block.is_free() {
                break;
            }
        }
        at
    }

    /// The end of the hole that reaches up to `at`, over blocks behind it.
    fn joined_right(&self, mut at: u32) -> u32 {
        let block_bits = self.block_bits();
        while at < self.hints.nr_bits && at.is_multiple_of(block_bits) {
            let block = &self.blocks[(at / block_bits) as usize];
            at += block.left_free;
            if !block.is_free() {
                break;
            }
        }
        at
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

/// First fit in one block, which starts at granule `base` of the chunk.
fn find_in_block(block: &mut Hints, map: &[u64], base: u32, bits: u32, align: u32) -> Option<u32> {
    let contig = block.contig;
    if block.may_fit_before(bits) {
        let front = base + block.first_free..base + contig.start;
        let mut skipped = Run::NONE;
        if let Some(hit) = bitmap::find_zeros(map, front, bits, align, &mut skipped) {
            return Some(hit);
        }
        block.learn_before(Run { start: skipped.start - base, ..skipped });
    }
    let contig = Run { start: base + contig.start, ..contig };
    contig.fit(bits, align).or_else(|| {
        let behind = contig.end()..base + block.nr_bits;
        bitmap::find_zeros(map, behind, bits, align, &mut Run::default())
    })
}

/// Granules for `size` bytes, if they can be counted.
fn granules(size: usize) -> Option<u32> {
    u32::try_from(size.div_ceil(GRANULE)).ok()
}

const fn bytes(granules: u32) -> usize {
    granules as usize * GRANULE
}
