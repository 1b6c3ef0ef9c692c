//! Congruent areas: the highest base at which every area is free.
//!
//! The groups of a chunk may lie gigabytes apart, at the same distances in every
//! chunk. So the areas of a new chunk are placed all at once: one base, and each
//! `base + offset` free for as long as its area is.
//!
//! ```text
//!   taken            ###        ####                    ##
//!   space   |----------------------------------------------|
//!                  [ 0 ]   [ 1  ]              [  2 ]          1 meets ####:
//!   move  <------------------------------------------           all go down
//!           [ 0 ]   [ 1  ]               [  2 ]                until none does
//!           ^ base
//! ```
//!
//! The search (the kernel's `pcpu_get_vm_areas`) goes from the top down:
//!
//! 1. The highest area starts at the end of the space.
//! 2. An area that meets something taken pulls the base down, until the area ends
//!    just below that. It is then the one that moved last, and is looked at again.
//! 3. An area that meets nothing is followed by the next lower one, and the lowest
//!    by the highest. A round that comes back to the area that moved last is
//!    finished: since then, each was looked at where it is.
//!
//! Why the answer is the highest one: at each base that a move jumps over, that
//! area would still meet that same taken range. So no base above the current one
//! is free at any time; and as each move goes down, the search ends.
//!
//! Pure arithmetic on numbers, without I/O.

use core::ops::Range;

use crate::area::address_space_error::AddressSpaceError;

/// Areas at fixed distances, checked.
///
/// INVARIANT: not empty; each a non-empty range from the base, ascending and
/// disjoint; starts and ends are multiples of `align`, a power of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Areas {
    ranges: Box<[Range<usize>]>,
    align: usize,
}

impl Areas {
    /// `areas` are offsets from the base and sizes, in any order.
    pub(crate) fn new(
        areas: &[(usize, usize)],
        align: usize,
        page: usize,
    ) -> Result<Self, AddressSpaceError> {
        if !align.is_power_of_two() {
            return Err(AddressSpaceError::AlignNotPowerOfTwo { align });
        }
        if !align.is_multiple_of(page) {
            return Err(AddressSpaceError::AlignNotPages { align, page });
        }
        let mut ranges = Vec::with_capacity(areas.len());
        for &(offset, size) in areas {
            if size == 0 {
                return Err(AddressSpaceError::EmptyArea { offset });
            }
            if (offset | size) & (align - 1) != 0 {
                return Err(AddressSpaceError::Misaligned { offset, size, align });
            }
            let end = offset.checked_add(size);
            ranges.push(offset..end.ok_or(AddressSpaceError::EndOverflow { offset, size })?);
        }
        // As none is empty, in this order only neighbours need to be compared.
        ranges.sort_unstable_by_key(|area| area.start);
        match ranges.windows(2).find(|pair| pair[0].end > pair[1].start) {
            _ if ranges.is_empty() => Err(AddressSpaceError::NoAreas),
            Some(pair) => {
                Err(AddressSpaceError::Overlap { first: pair[0].clone(), second: pair[1].clone() })
            }
            None => Ok(Self { ranges: ranges.into_boxed_slice(), align }),
        }
    }

    /// Offset of the first byte.
    pub(crate) fn lowest(&self) -> usize {
        self.ranges[0].start
    }

    /// Bytes from the base to the end of the highest area.
    pub(crate) fn span(&self) -> usize {
        self.ranges[self.ranges.len() - 1].end
    }

    /// Where the areas lie with this base, ascending.
    pub(crate) fn at(&self, base: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        self.ranges.iter().map(move |area| base + area.start..base + area.end)
    }

    fn align_down(&self, address: usize) -> usize {
        address & !(self.align - 1)
    }

    /// The highest base, a multiple of the alignment inside `space` and at most
    /// `below`, at which no area meets what is `taken`: ascending, disjoint
    /// ranges that are not empty.
    pub(crate) fn highest_base(
        &self,
        space: &Range<usize>,
        taken: &[Range<usize>],
        below: usize,
    ) -> Result<usize, AddressSpaceError> {
        let span = self.span();
        let end = self.align_down(space.end);
        // No multiple at or after the start is like none before the end.
        let start = space.start.checked_next_multiple_of(self.align).unwrap_or(usize::MAX);
        let available = end.saturating_sub(start);
        if available < span {
            return Err(AddressSpaceError::NoAddressSpace { span, available });
        }

        let highest = self.ranges.len() - 1;
        let mut base = (end - span).min(self.align_down(below));
        let mut area = highest;
        let mut moved_last = area;
        loop {
            if base < start {
                return Err(AddressSpaceError::NoHole { span });
            }
            // No overflow: bases only go down, from one whose span fits.
            let Range { start: from, end: to } = self.ranges[area];
            if let Some(obstacle) = last_meeting(taken, base + from..base + to) {
                let below = self.align_down(obstacle.start).checked_sub(to);
                base = below.ok_or(AddressSpaceError::NoHole { span })?;
                moved_last = area;
                continue;
            }
            area = area.checked_sub(1).unwrap_or(highest);
            if area == moved_last {
                return Ok(base);
            }
        }
    }
}

/// The highest of the ascending, disjoint ranges that shares a byte with `range`.
pub(crate) fn last_meeting(taken: &[Range<usize>], range: Range<usize>) -> Option<&Range<usize>> {
    let before = taken.partition_point(|other| other.start < range.end);
    taken[..before].last().filter(|other| other.end > range.start)
}

#[cfg(test)]
#[path = "vm_area_tests.rs"]
mod tests;
