//! Looking up the longest free run again, when hints cannot tell.
//!
//! # Why
//! A hint is kept by comparisons until a request cuts the longest run while
//! other runs, of unknown length, might now be longer. Then the range is read
//! again: a block from its words, a chunk from the hints of its blocks. Both
//! stop at the first run as long as the one that was cut, for none is longer.
//!
//! # Joining blocks
//! A run of the chunk may cross blocks, so the edges of neighbours are joined:
//!
//! ```text
//!   block 0            block 1             block 2
//!   ###...##.......... ................... ....####..####
//!        |<- open, 10 ->|<- open grows ->|<-  left_free: seen as one run of 33
//! ```
//!
//! 1. Runs are seen in order of their start: the joined run that ends in a
//!    block, then the block's `contig` if it touches neither edge, then what
//!    touches the right edge stays open for the next block.
//! 2. Runs that are not seen are no longer than one that is seen in the same
//!    block, so the longest is found. For the longest run *in front of* it
//!    they matter only if it starts with a block's own `contig`: then that
//!    block's `scan` counts, and if that is unknown, so is the chunk's.

use super::bitmap::{self, Longest, Run};
use super::block::Hints;

/// Looks up `contig` and `scan` of a block in the map; bit `base` is its first.
pub(super) fn from_map(hints: &mut Hints, map: &[u64], base: u32) {
    let range = base + hints.first_free..base + hints.nr_bits;
    let mut found = bitmap::longest_zeros(map, range, hints.contig.len);
    for run in [&mut found.best, &mut found.before] {
        // A run of length zero has no place.
        run.start = run.start.saturating_sub(base);
    }
    hints.learn(found);
}

/// Looks up `contig` and `scan` of a chunk in the hints of its blocks.
pub(super) fn from_blocks(hints: &mut Hints, blocks: &[Hints]) {
    let block_bits = blocks[0].nr_bits;
    let enough = hints.contig.len;
    let first = (hints.first_free >> block_bits.trailing_zeros()) as usize;
    let mut found = Longest::default();
    let mut open = Run::NONE;
    // What is in front of `open` in the block it starts in.
    let mut open_front = Some(Run::NONE);
    let mut base = first as u32 * block_bits;
    for block in blocks.iter().skip(first) {
        if open.len == 0 {
            (open.start, open_front) = (base, Some(Run::NONE));
        }
        open.len += block.left_free;
        if !block.is_free() {
            see(&mut found, open, open_front);
            let contig = block.contig;
            let at_right = contig.end() == block.nr_bits && contig.len > 0;
            let front = block.before_contig().map(|run| Run { start: base + run.start, ..run });
            if contig.len > 0 && contig.start > 0 && !at_right {
                see(&mut found, Run { start: base + contig.start, ..contig }, front);
            }
            if found.best.len >= enough {
                break;
            }
            let start = base + block_bits - block.right_free;
            open = Run { start, len: block.right_free };
            open_front = if at_right { front } else { Some(Run::NONE) };
        }
        base += block_bits;
    }
    see(&mut found, open, open_front);
    hints.learn(found);
}

/// Looks at the next run; `front` is the longest run in front of it in the
/// block where it starts, `None` when that is not known.
#[inline]
fn see(found: &mut Longest, run: Run, front: Option<Run>) {
    if run.len > found.best.len {
        found.before = match front {
            None => Run::NONE,
            Some(front) if front.len > found.best.len => front,
            Some(_) => found.best,
        };
        found.best = run;
    }
}
