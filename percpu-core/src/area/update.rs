//! Keeping the hints true: a hole taken, a hole given back.
//!
//! # Why
//! Hints are worth what they say only if they are right after every step
//! (I1 to I3 of `block.rs`). Here is all that changes the allocation map, and
//! each change tells the blocks it meets and then the chunk.
//!
//! # A hole given back
//! ```text
//!             block 1               block 2
//!   ......### ######........####### ###.....
//!                          |freed |
//!                   |<- hole of  ->|             run_up_to, or the map
//!                   |<- the chunk  ->| |         joined over edges of blocks
//! ```
//! The hole reaches to the next granules in use on both sides. Mostly the hints
//! know how far: the freed range lies beside `contig` or beside the edge run.
//! Else a word or two of the map are read. Positions in a chunk are counted from
//! its own start at *both* ends; a kernel that mixes the two kinds leaves the
//! chunk's hint low after a free inside a block.

use core::ops::Range;

use super::bitmap::{self, Run};
use super::chunk::Chunk;
use super::refresh;

impl Chunk {
    /// Puts the free granules `taken` in use: the map and all hints.
    #[inline]
    pub(super) fn occupy(&mut self, taken: Range<u32>) {
        debug_assert!(bitmap::count(&self.alloc, taken.clone()) == 0, "a hole");
        bitmap::set(&mut self.alloc, taken.clone());
        self.free -= taken.end - taken.start;

        let (first, last) = (self.block_of(taken.start), self.block_of(taken.end - 1));
        if first == last {
            self.occupy_in(first, taken.clone());
        } else {
            self.in_each_block(taken.clone(), Self::occupy_in);
        }
        let (blocks, shift, bits) = (&self.blocks, self.block_shift, self.hints.nr_bits);
        let next = || {
            let found = (last..).zip(&blocks[last as usize..]).find(|(_, b)| b.contig.len > 0);
            found.map_or(bits, |(nth, block)| (nth << shift) + block.first_free)
        };
        if !self.hints.take(taken, next) {
            refresh::from_blocks(&mut self.hints, blocks);
        }
    }

    /// The part of it in block `nth`, which holds all of `taken`.
    #[inline]
    fn occupy_in(&mut self, nth: u32, taken: Range<u32>) {
        let (base, end) = (nth << self.block_shift, (nth + 1) << self.block_shift);
        let (block, map) = (&mut self.blocks[nth as usize], &self.alloc);
        if block.is_free() && bitmap::test(&self.populated, nth) {
            self.nr_empty_pop -= 1;
        }
        let next = || bitmap::next_zero(map, taken.end..end) - base;
        if !block.take(taken.start - base..taken.end - base, next) {
            refresh::from_map(block, map, base);
        }
    }

    /// Frees the granules `freed`, an allocation: the maps and all hints.
    #[inline]
    pub(super) fn vacate(&mut self, freed: Range<u32>) {
        let len = freed.end - freed.start;
        debug_assert!(bitmap::count(&self.alloc, freed.clone()) == len, "an allocation");
        bitmap::clear(&mut self.alloc, freed.clone());
        self.free += len;

        let (first, last) = (self.block_of(freed.start), self.block_of(freed.end - 1));
        // The hole of the chunk that comes into being, as the blocks tell.
        let hole = if first == last {
            self.vacate_in(first, freed.clone())
        } else {
            let mut hole = freed.clone();
            self.in_each_block(freed.clone(), |chunk, nth, freed| {
                let part = chunk.vacate_in(nth, freed);
                hole = hole.start.min(part.start)..hole.end.max(part.end);
            });
            hole
        };
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

    /// The part of it in block `nth`, which holds all of `freed`. Answers the
    /// hole of the block that comes into being.
    #[inline]
    fn vacate_in(&mut self, nth: u32, freed: Range<u32>) -> Range<u32> {
        let (base, limit) = (nth << self.block_shift, (nth + 1) << self.block_shift);
        let block = &mut self.blocks[nth as usize];
        let start = match block.run_up_to(freed.start - base) {
            Some(start) => base + start,
            None => bitmap::zeros_up_to_end(&self.alloc, base..freed.start),
        };
        let end = match block.run_from(freed.end - base) {
            Some(end) => base + end,
            None => bitmap::next_set(&self.alloc, freed.end..limit),
        };
        block.give(Run { start: start - base, len: end - start });
        if block.is_free() && bitmap::test(&self.populated, nth) {
            self.nr_empty_pop += 1;
        }
        start..end
    }

    /// Calls `with` for each block that `range` meets, with the part it meets.
    #[cold]
    fn in_each_block(
        &mut self,
        range: Range<u32>,
        mut with: impl FnMut(&mut Self, u32, Range<u32>),
    ) {
        for nth in self.block_of(range.start)..=self.block_of(range.end - 1) {
            let (base, limit) = (nth << self.block_shift, (nth + 1) << self.block_shift);
            with(self, nth, range.start.max(base)..range.end.min(limit));
        }
    }

    /// The start of the hole that reaches down to `at`, over blocks before it.
    fn joined_left(&self, mut at: u32) -> u32 {
        while at > 0 && self.is_edge(at) {
            let block = &self.blocks[self.block_of(at) as usize - 1];
            at -= block.right_free;
            if !block.is_free() {
                break;
            }
        }
        at
    }

    /// The end of the hole that reaches up to `at`, over blocks behind it.
    fn joined_right(&self, mut at: u32) -> u32 {
        while at < self.hints.nr_bits && self.is_edge(at) {
            let block = &self.blocks[self.block_of(at) as usize];
            at += block.left_free;
            if !block.is_free() {
                break;
            }
        }
        at
    }
}
