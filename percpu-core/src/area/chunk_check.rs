//! The invariants of a chunk, checked against its maps bit by bit.
//!
//! Slow on purpose: nothing here shares code with what it checks but the maps
//! themselves. Tests and the fuzz target call it after every step.

use core::ops::Range;

use super::bitmap::Run;
use super::block::Hints;
use super::chunk::Chunk;

impl Chunk {
    /// Checks every invariant that `block.rs` and `chunk.rs` name.
    ///
    /// # Panics
    /// If one does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        let bits = self.hints.nr_bits;
        check_hints("chunk", &self.hints, &holes(&self.alloc, 0..bits));
        for (nth, block) in (0..).zip(&self.blocks) {
            let base = nth * block.nr_bits;
            check_hints("block", block, &holes(&self.alloc, base..base + block.nr_bits));
        }

        let used = |at: u32| bit(&self.alloc, at);
        let free = (0..bits).filter(|&at| !used(at)).count();
        assert_eq!(free, self.free as usize, "I4: free granules");

        let hidden = (0..self.served.start).chain(self.served.end..bits);
        hidden.for_each(|at| assert!(used(at), "6: granule {at} is hidden"));
        let mut live = 0;
        for at in self.served.clone() {
            let first = at == self.served.start || !used(at - 1);
            let starts = used(at) && bit(&self.bound, at);
            assert!(starts || !(used(at) && first), "5: an allocation starts at {at}");
            let ends = !used(at) && !first;
            assert!(!ends || bit(&self.bound, at), "5: an allocation ends at {at}");
            live += usize::from(starts);
        }
        let end = self.served.end;
        let full = !self.served.is_empty() && used(end - 1);
        assert!(!full || bit(&self.bound, end), "5: an allocation ends at {end}");
        assert_eq!(live, self.nr_alloc, "7: live allocations");

        let populated = (0..self.blocks.len()).filter(|&nth| bit(&self.populated, nth as u32));
        assert_eq!(populated.clone().count(), self.nr_populated as usize, "populated pages");
        let block = self.block_bits();
        let empty = |&nth: &usize| (0..block).all(|at| !used(nth as u32 * block + at));
        assert_eq!(populated.filter(empty).count(), self.nr_empty_pop as usize, "9: empty pages");
    }
}

/// I1 to I3 for hints over the holes of their range.
fn check_hints(what: &str, hints: &Hints, holes: &[Run]) {
    let bits = hints.nr_bits;
    let longest = holes.iter().map(|hole| hole.len).max().unwrap_or(0);
    assert_eq!(hints.contig.len, longest, "I1: contig of {what}, {hints:?}");
    assert!(
        holes.contains(&hints.contig) || holes.is_empty() && hints.contig.start == bits,
        "I1: contig of {what} is a whole hole, {hints:?}"
    );
    let (first, last) = (holes.first(), holes.last());
    assert_eq!(hints.first_free, first.map_or(bits, |hole| hole.start), "I1: first_free of {what}");
    let left = first.filter(|hole| hole.start == 0).map_or(0, |hole| hole.len);
    assert_eq!(hints.left_free, left, "I1: left_free of {what}");
    let right = last.filter(|hole| hole.end() == bits).map_or(0, |hole| hole.len);
    assert_eq!(hints.right_free, right, "I1: right_free of {what}");
    if hints.scan.len > 0 {
        let front = holes.iter().filter(|hole| hole.start < hints.contig.start);
        let longest = front.map(|hole| hole.len).max();
        assert_eq!(longest, Some(hints.scan.len), "I3: scan of {what}, {hints:?}");
        assert!(hints.scan.start < hints.contig.start, "I3: scan of {what} is in front");
        assert!(holes.contains(&hints.scan), "I3: scan of {what} is a whole hole, {hints:?}");
    }
}

/// Every hole of `range`, with positions counted from its start.
fn holes(map: &[u64], range: Range<u32>) -> Vec<Run> {
    let mut holes: Vec<Run> = Vec::new();
    for at in 0..range.end - range.start {
        if bit(map, range.start + at) {
            continue;
        }
        match holes.last_mut() {
            Some(hole) if hole.end() == at => hole.len += 1,
            _ => holes.push(Run { start: at, len: 1 }),
        }
    }
    holes
}

fn bit(map: &[u64], at: u32) -> bool {
    map[at as usize / 64] >> (at % 64) & 1 == 1
}
