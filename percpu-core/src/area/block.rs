//! What is remembered of the holes of one block, and of a whole chunk.
//!
//! # Why
//! The allocation map alone answers every question, by being read from one end
//! to the other. A block is one page of memory, 1024 granules at 4 KiB, because
//! whether a page is empty decides whether it can be given back. Its [`Hints`]
//! tell in a few comparisons whether a request can fit in it, alone or joined
//! with its neighbours, and where to start looking. A chunk keeps the same
//! hints for the whole of itself, with positions counted from its own start.
//!
//! # What is remembered
//! ```text
//!      left_free      scan                contig                right_free
//!     |<------>|    |<---->|         |<------------->|          |<------>|
//!  ...+--------+####+------+##+--+###+---------------+##+--+####+--------+...
//!     ^first_free   ^scan.start      ^contig.start                       ^nr_bits
//!                   |<- nothing in front of contig  -|
//!                       is longer than scan
//! ```
//! `#` is in use. `left_free`, `right_free` and `first_free` may belong to the
//! very run that `contig` or `scan` names. A full range has `contig` of length
//! zero at `nr_bits`, and `first_free` there too.
//!
//! # Invariants
//! 1. (I1) `contig` is a run of the map, whole, and none is longer: always, not
//!    only after a refresh. `left_free`, `right_free`, `first_free` are exact.
//! 2. (I2) The same holds for the chunk. The kernel lets that hint lag by up to
//!    a page, and a hole freed inside one block stays unseen; here both ends of
//!    a freed run are positions in the chunk, so the hint rises at once.
//! 3. (I3) `scan` is *unknown* (length zero) or the longest run in front of
//!    `contig`. It is never behind `contig`.
//! 4. (I4) Free bytes of a chunk are four times the zero bits of its map
//!    (kept in `chunk.rs`).
//!
//! By 1 a request longer than `contig` cannot fit, and a shorter one fits
//! unless its alignment forbids it: no success is missed because of a hint.
//!
//! # What it costs
//! Growing a hole ([`Hints::give`]) is a handful of comparisons. Taking from
//! one ([`Hints::take`]) is as well, unless the longest run was cut and
//! something unknown may be longer than what is left: then [`Hints::take`]
//! says so and `refresh.rs` looks again.

use core::ops::Range;

use super::bitmap::{Longest, Run};

/// Hints for the granules `0..nr_bits` of a block or of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hints {
    /// A longest free run.
    ///
    /// INVARIANT: I1.
    pub(super) contig: Run,
    /// The longest free run in front of `contig`; unknown when its length is 0.
    ///
    /// INVARIANT: I3.
    pub(super) scan: Run,
    /// The first free granule, or `nr_bits`.
    pub(super) first_free: u32,
    /// Length of the free run that starts at 0.
    pub(super) left_free: u32,
    /// Length of the free run that ends at `nr_bits`.
    pub(super) right_free: u32,
    /// How many granules these hints speak of.
    pub(super) nr_bits: u32,
}

impl Hints {
    /// Hints for `nr_bits` granules, all free.
    pub(super) const fn all_free(nr_bits: u32) -> Self {
        Self {
            contig: Run { start: 0, len: nr_bits },
            scan: Run::NONE,
            first_free: 0,
            left_free: nr_bits,
            right_free: nr_bits,
            nr_bits,
        }
    }

    /// Whether every granule is free.
    pub(super) const fn is_free(&self) -> bool {
        self.left_free == self.nr_bits
    }

    /// The longest run in front of `contig`: length zero when nothing is free
    /// there, `None` when it is not known.
    #[inline]
    pub(super) const fn before_contig(&self) -> Option<Run> {
        if self.contig.start == self.first_free {
            Some(Run::NONE)
        } else if self.scan.len > 0 {
            Some(self.scan)
        } else {
            None
        }
    }

    /// Whether a hole for `len` granules may lie in front of `contig`.
    #[inline]
    pub(super) const fn may_fit_before(&self, len: u32) -> bool {
        match self.before_contig() {
            Some(run) => run.len >= len,
            None => true,
        }
    }

    /// The end of the free run that starts at `at`, if the hints can tell.
    #[inline]
    pub(super) const fn run_from(&self, at: u32) -> Option<u32> {
        if at == self.contig.start {
            Some(self.contig.end())
        } else if at == self.nr_bits - self.right_free {
            Some(self.nr_bits)
        } else {
            None
        }
    }

    /// The start of the free run that ends at `at`, if the hints can tell.
    #[inline]
    pub(super) const fn run_up_to(&self, at: u32) -> Option<u32> {
        if at == self.contig.end() && self.contig.len > 0 {
            Some(self.contig.start)
        } else if at == self.left_free {
            Some(0)
        } else {
            None
        }
    }

    /// A search found `scan` to be the longest hole in front of `contig`.
    pub(super) const fn learn_before(&mut self, scan: Run) {
        self.scan = scan;
    }

    /// `contig` and `scan` were looked up anew.
    pub(super) const fn learn(&mut self, found: Longest) {
        self.scan = found.before;
        self.contig =
            if found.best.len > 0 { found.best } else { Run { start: self.nr_bits, len: 0 } };
    }

    /// `taken`, part of one free run, is in use now. `next_free` tells the
    /// first free granule behind it.
    ///
    /// `false`: `contig` was cut and must be looked up again. Until then it
    /// keeps its old length, which bounds the new one.
    #[inline]
    #[must_use]
    pub(super) fn take(&mut self, taken: Range<u32>, next_free: impl FnOnce() -> u32) -> bool {
        let cut = self.contig;
        self.left_free = self.left_free.min(taken.start);
        if taken.start == self.first_free && taken.start == cut.start && taken.end < cut.end() {
            // The usual case: the head of the longest run, and it is in front.
            self.first_free = taken.end;
            if cut.end() == self.nr_bits {
                // There is no other run at all.
                self.contig = Run { start: taken.end, len: cut.end() - taken.end };
                self.right_free = self.contig.len;
                return true;
            }
            return false;
        }
        let before = self.before_contig();
        if taken.start == self.first_free {
            self.first_free = next_free();
        }
        self.right_free = self.right_free.min(self.nr_bits - taken.end);
        if !cut.meets(&taken) {
            if self.scan.meets(&taken) {
                self.scan = Run::NONE;
            }
            return true;
        }
        let (Some(before), true) = (before, cut.end() == self.nr_bits) else {
            return false;
        };
        // Nothing is free behind the run, and what is in front of it is known.
        let mut left = Longest { best: before, before: Run::NONE };
        left.see(Run { start: cut.start, len: taken.start - cut.start });
        left.see(Run { start: taken.end, len: cut.end() - taken.end });
        self.learn(left);
        true
    }

    /// `run` is a free run now: a freed range, joined with the holes beside it.
    ///
    /// Of two longest runs the better aligned start is kept, since more
    /// requests fit there.
    #[inline]
    pub(super) fn give(&mut self, run: Run) {
        let old = self.contig;
        let nothing_before = old.start == self.first_free;
        self.first_free = self.first_free.min(run.start);
        if run.start == 0 {
            self.left_free = run.len;
        }
        if run.end() == self.nr_bits {
            self.right_free = run.len;
        }
        let longest =
            run.len > old.len || run.len == old.len && alignment(run.start) > alignment(old.start);
        if longest {
            self.contig = run;
            if old.end() <= run.start && old.len > 0 {
                self.scan = old;
            } else if run.start <= self.scan.start {
                // Joined to the run, or behind it: no longer in front.
                self.scan = Run::NONE;
            }
        } else if run.start < old.start
            && (nothing_before || self.scan.len > 0 && run.len > self.scan.len)
        {
            self.scan = run;
        }
    }
}

/// How well a start is aligned: 0 best of all, else by its trailing zeros.
const fn alignment(start: u32) -> u32 {
    start.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start: u32, len: u32) -> Run {
        Run { start, len }
    }

    /// `####....##......` and so on: hints after taking these ranges in turn.
    fn after(nr_bits: u32, taken: &[Range<u32>]) -> Hints {
        let mut hints = Hints::all_free(nr_bits);
        for range in taken {
            let end = range.end;
            assert!(hints.take(range.clone(), || end), "the hints of this test stay known");
        }
        hints
    }

    #[test]
    fn taking_from_the_front_stays_known() {
        let hints = after(64, &[0..4, 4..6]);
        assert_eq!(hints.contig, run(6, 58));
        assert_eq!((hints.first_free, hints.left_free, hints.right_free), (6, 0, 58));
        assert_eq!(hints.before_contig(), Some(Run::NONE));
    }

    #[test]
    fn an_aligned_hole_in_front_becomes_scan() {
        // ##..............########------
        let hints = after(64, &[0..2, 16..24]);
        assert_eq!((hints.contig, hints.scan), (run(24, 40), run(2, 14)));
        assert!(hints.may_fit_before(14) && !hints.may_fit_before(15));
    }

    #[test]
    fn scan_taken_from_is_unknown() {
        let hints = after(64, &[0..2, 16..24, 2..4]);
        assert_eq!((hints.contig, hints.scan), (run(24, 40), Run::NONE));
        assert_eq!(hints.before_contig(), None);
        assert!(hints.may_fit_before(60));
    }

    #[test]
    fn cutting_contig_with_something_behind_asks_for_a_refresh() {
        let mut hints = after(64, &[32..33, 33..40]);
        assert_eq!(hints.contig, run(0, 32));
        assert!(!hints.take(0..16, || 16));
        assert_eq!(hints.contig.len, 32, "the old length stays as a bound");
    }

    #[test]
    fn full_and_free_again() {
        let mut hints = after(64, std::slice::from_ref(&(0..64)));
        assert_eq!((hints.contig, hints.first_free), (run(64, 0), 64));
        hints.give(run(20, 4));
        assert_eq!((hints.contig, hints.first_free, hints.left_free), (run(20, 4), 20, 0));
        hints.give(run(0, 64));
        assert_eq!(hints, Hints::all_free(64));
    }

    #[test]
    fn ties_go_to_the_better_aligned_start() {
        let mut hints = after(64, std::slice::from_ref(&(0..64)));
        hints.give(run(5, 4));
        hints.give(run(16, 4));
        assert_eq!((hints.contig, hints.scan), (run(16, 4), run(5, 4)));
        hints.give(run(40, 4));
        assert_eq!(hints.contig, run(16, 4));
        hints.give(run(0, 4));
        assert_eq!((hints.contig, hints.scan), (run(0, 4), Run::NONE));
    }

    #[test]
    fn runs_at_the_edges_are_told_without_the_map() {
        let hints = after(64, &[16..20, 20..30]);
        assert_eq!(hints.run_up_to(16), Some(0));
        assert_eq!(hints.run_from(30), Some(64));
        assert_eq!(hints.run_up_to(25), None);
        // ####....####....
        let mut hints = after(16, std::slice::from_ref(&(0..16)));
        assert_eq!(hints.run_up_to(16), None, "it is full");
        hints.give(run(4, 4));
        assert_eq!((hints.run_up_to(8), hints.run_up_to(4)), (Some(4), None));
        hints.give(run(12, 4));
        assert_eq!((hints.contig, hints.run_from(12)), (run(4, 4), Some(16)));
    }

    #[test]
    fn what_a_search_learns_is_known_before_contig() {
        let mut hints = after(64, &[0..2, 16..24, 2..4]);
        hints.learn_before(run(4, 12));
        assert_eq!(hints.before_contig(), Some(run(4, 12)));
    }

    #[test]
    fn of_equal_runs_the_first_is_kept() {
        let mut hints = after(64, std::slice::from_ref(&(0..64)));
        hints.give(run(32, 8));
        // The longest hole in front, then one as long; then a run as long as the longest
        // and aligned as well.
        hints.give(run(4, 2));
        hints.give(run(12, 2));
        assert_eq!((hints.contig, hints.scan), (run(32, 8), run(4, 2)));
        let mut hints = after(64, std::slice::from_ref(&(0..64)));
        hints.give(run(16, 4));
        hints.give(run(48, 4));
        assert_eq!(hints.contig, run(16, 4));
    }
}
