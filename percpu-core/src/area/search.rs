//! Where in a chunk a request fits.
//!
//! First fit: of all holes the lowest in which the request fits at its
//! alignment. A request longer than the chunk's `contig` is refused at once. If
//! nothing in front of `contig` can be long enough, the answer is there without
//! a look at any block. Else blocks are walked from the first free granule; a
//! block is read only if its own `contig` is long enough, and holes that cross
//! blocks are judged by the edges of both. Holes that are passed over in a
//! block become its `scan`.
//!
//! ```text
//!   request of 12 granules
//!   block 0                block 1                block 2
//!   ##...#####...##....### #####................. ......................
//!   contig 4: not read     contig 17 at an edge: the answer, unless its
//!                          alignment forbids; then the joined hole counts
//! ```

use super::bitmap::{self, Run};
use super::block::Hints;
use super::chunk::Chunk;

impl Chunk {
    /// The lowest multiple of `align` with `bits` free granules. `bits` is not
    /// longer than the longest hole.
    #[inline]
    pub(super) fn find(&mut self, bits: u32, align: u32) -> Option<u32> {
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
        let first = self.block_of(from);
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
}

/// First fit in one block, which starts at granule `base` of the chunk.
fn find_in_block(block: &mut Hints, map: &[u64], base: u32, bits: u32, align: u32) -> Option<u32> {
    let contig = block.contig;
    let (start, end) = (base + block.first_free, base + block.nr_bits);
    if align >= bitmap::WORD_BITS {
        return bitmap::find_zeros_sparse(map, start..end, bits, align);
    }
    let contig = Run { start: base + contig.start, ..contig };
    if block.may_fit_before(bits) {
        let mut skipped = Run::NONE;
        if let Some(hit) = bitmap::find_zeros(map, start..contig.start, bits, align, &mut skipped) {
            return Some(hit);
        }
        block.learn_before(Run { start: skipped.start - base, ..skipped });
    }
    let behind = contig.end()..end;
    contig
        .fit(bits, align)
        .or_else(|| bitmap::find_zeros(map, behind, bits, align, &mut Run::default()))
}
