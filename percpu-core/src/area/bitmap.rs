//! Arithmetic on slices of bits, a word at a time.
//!
//! A map is a `[u64]`; bit `n` is bit `n % 64` of word `n / 64`. In the
//! allocation map a *set* bit is a granule in use, so a hole is a run of zeros.
//! Ranges are half open, positions are `u32` (a unit of 16 GiB has 2^32
//! granules of four bytes), and a search that finds nothing answers with the
//! end of its range.
//!
//! No step looks at single bits: a word is skipped, counted or searched whole
//! (trailing zeros, leading zeros, population count), so a block of 1024
//! granules is at most 16 steps.

use core::ops::Range;

/// Bits in a word of a map.
pub(super) const WORD_BITS: u32 = u64::BITS;

/// A run of neighbouring granules: where it starts and how long it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// The first granule.
    pub(super) start: u32,
    /// How many granules.
    pub(super) len: u32,
}

impl Run {
    /// No run at all.
    pub(super) const NONE: Self = Self { start: 0, len: 0 };

    /// The granule behind the last one.
    pub(super) const fn end(self) -> u32 {
        self.start + self.len
    }

    /// Whether the run and `range` share a granule.
    pub(super) const fn meets(self, range: &Range<u32>) -> bool {
        self.start < range.end && range.start < self.end()
    }

    /// The first multiple of `align` from which `len` granules fit in the run.
    pub(super) const fn fit(self, len: u32, align: u32) -> Option<u32> {
        let at = align_up(self.start, align);
        if at <= self.end() && self.end() - at >= len { Some(at) } else { None }
    }
}

/// The longest run of a range, and the longest of those in front of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Longest {
    /// The first of the longest runs.
    pub(super) best: Run,
    /// The longest run in front of `best`; length zero when there is none.
    pub(super) before: Run,
}

impl Longest {
    /// Looks at the next run. Runs come in order of their start.
    #[inline]
    pub(super) fn see(&mut self, run: Run) {
        if run.len > self.best.len {
            self.before = self.best;
            self.best = run;
        }
    }
}

/// `at` raised to a multiple of `align`, a power of two.
pub(super) const fn align_up(at: u32, align: u32) -> u32 {
    (at + (align - 1)) & !(align - 1)
}

/// A map of `bits` bits, all zero.
pub(super) fn zeroed(bits: u32) -> Box<[u64]> {
    vec![0; bits.div_ceil(WORD_BITS) as usize].into_boxed_slice()
}

const fn word_of(bit: u32) -> usize {
    (bit / WORD_BITS) as usize
}

/// The bits of a word from `bit` up.
const fn from_mask(bit: u32) -> u64 {
    !0 << (bit % WORD_BITS)
}

/// The bits of a word up to and with `bit`.
const fn upto_mask(bit: u32) -> u64 {
    !0 >> (WORD_BITS - 1 - bit % WORD_BITS)
}

/// Calls `with` for each word that `range` meets, with the bits it meets.
#[inline]
fn each_word(range: Range<u32>, mut with: impl FnMut(usize, u64)) {
    if range.is_empty() {
        return;
    }
    let (first, last) = (word_of(range.start), word_of(range.end - 1));
    let (head, tail) = (from_mask(range.start), upto_mask(range.end - 1));
    if first == last {
        return with(first, head & tail);
    }
    with(first, head);
    (first + 1..last).for_each(|word| with(word, !0));
    with(last, tail);
}

/// Sets every bit of `range`.
#[inline]
pub(super) fn set(map: &mut [u64], range: Range<u32>) {
    each_word(range, |word, mask| map[word] |= mask);
}

/// Clears every bit of `range`.
#[inline]
pub(super) fn clear(map: &mut [u64], range: Range<u32>) {
    each_word(range, |word, mask| map[word] &= !mask);
}

/// Sets bit `bit`.
#[inline]
pub(super) const fn set_bit(map: &mut [u64], bit: u32) {
    map[word_of(bit)] |= 1 << (bit % WORD_BITS);
}

/// Whether bit `bit` is set.
#[inline]
pub(super) const fn test(map: &[u64], bit: u32) -> bool {
    map[word_of(bit)] & (1 << (bit % WORD_BITS)) != 0
}

/// Whether any bit of `range` is set.
#[inline]
pub(super) fn any_set(map: &[u64], range: Range<u32>) -> bool {
    let mut found = 0;
    each_word(range, |word, mask| found |= map[word] & mask);
    found != 0
}

/// How many bits of `range` are set.
pub(super) fn count(map: &[u64], range: Range<u32>) -> u32 {
    let mut ones = 0;
    each_word(range, |word, mask| ones += (map[word] & mask).count_ones());
    ones
}

/// The first set bit of `range`, or its end.
#[inline]
pub(super) fn next_set(map: &[u64], range: Range<u32>) -> u32 {
    next(map, range, 0)
}

/// The first zero bit of `range`, or its end.
#[inline]
pub(super) fn next_zero(map: &[u64], range: Range<u32>) -> u32 {
    next(map, range, !0)
}

/// The first bit of `range` that is set in the map xor `flip`, or its end.
#[inline]
fn next(map: &[u64], range: Range<u32>, flip: u64) -> u32 {
    if range.is_empty() {
        return range.end;
    }
    let (mut word, last) = (word_of(range.start), word_of(range.end - 1));
    let mut bits = (map[word] ^ flip) & from_mask(range.start);
    while bits == 0 {
        if word == last {
            return range.end;
        }
        word += 1;
        bits = map[word] ^ flip;
    }
    range.end.min(word as u32 * WORD_BITS + bits.trailing_zeros())
}

/// The start of the zeros that reach up to the end of `range`: its end when
/// the last bit is set, its start when no bit is.
#[inline]
pub(super) fn zeros_up_to_end(map: &[u64], range: Range<u32>) -> u32 {
    if range.is_empty() {
        return range.end;
    }
    let (first, mut word) = (word_of(range.start), word_of(range.end - 1));
    let mut bits = map[word] & upto_mask(range.end - 1);
    while bits == 0 {
        if word == first {
            return range.start;
        }
        word -= 1;
        bits = map[word];
    }
    range.start.max((word as u32 + 1) * WORD_BITS - bits.leading_zeros())
}

/// The first multiple of `align` in `range` with `len` zeros that stay in it.
///
/// `skipped` becomes the longest hole of the range that was passed over; when
/// nothing fits that is the longest hole of the range. Holes are cut at the
/// ends of the range.
pub(super) fn find_zeros(
    map: &[u64],
    range: Range<u32>,
    len: u32,
    align: u32,
    skipped: &mut Run,
) -> Option<u32> {
    let mut from = range.start;
    loop {
        let start = next_zero(map, from..range.end);
        if start == range.end {
            return None;
        }
        let want = align_up(start, align) + len;
        let limit = want.min(range.end);
        let end = next_set(map, start..limit);
        if end == want {
            return Some(want - len);
        }
        if end - start > skipped.len {
            *skipped = Run { start, len: end - start };
        }
        from = end;
    }
}

/// The same without a look at the holes that are passed over: for alignments
/// so wide that there are few places to try.
pub(super) fn find_zeros_sparse(
    map: &[u64],
    range: Range<u32>,
    len: u32,
    align: u32,
) -> Option<u32> {
    let mut from = range.start;
    loop {
        let start = align_up(from, align);
        let want = start + len;
        if want > range.end {
            return None;
        }
        let end = next_set(map, start..want);
        if end == want {
            return Some(start);
        }
        from = end + 1;
    }
}

/// The longest run of zeros in `range`; the first of them when several are as
/// long. The search may stop at a run of length `enough`.
pub(super) fn longest_zeros(map: &[u64], range: Range<u32>, enough: u32) -> Longest {
    let mut found = Longest::default();
    if range.is_empty() {
        return found;
    }
    let (first, last) = (word_of(range.start), word_of(range.end - 1));
    // The run that reaches up to the word in hand.
    let mut open = Run { start: range.start, len: 0 };
    for (word, bits) in (first..).zip(&map[first..=last]) {
        let mut zeros = !bits;
        if word == first {
            zeros &= from_mask(range.start);
        }
        if word == last {
            zeros &= upto_mask(range.end - 1);
        }
        let base = word as u32 * WORD_BITS;
        if open.len == 0 {
            open.start = base;
        }
        if zeros == !0 {
            open.len += WORD_BITS;
            continue;
        }
        open.len += zeros.trailing_ones();
        found.see(open);
        let high = zeros.leading_ones();
        // Runs that touch neither end of the word. Each turn of the loop finds
        // a longer one than any before, so there are few turns.
        let inner = zeros & zeros.wrapping_add(1) & (!0 >> high);
        while found.best.len < WORD_BITS - 2 {
            let starts = starts_of(inner, found.best.len + 1);
            if starts == 0 {
                break;
            }
            let at = starts.trailing_zeros();
            found.see(Run { start: base + at, len: (inner >> at).trailing_ones() });
        }
        if found.best.len >= enough {
            return found;
        }
        open = Run { start: base + WORD_BITS - high, len: high };
    }
    found.see(open);
    found
}

/// The bits of `word` at which `len` ones in a row start, 1 <= `len` <= 64.
///
/// Each step joins what it knows with a shifted copy: it takes log2(`len`).
#[inline]
const fn starts_of(word: u64, len: u32) -> u64 {
    let (mut starts, mut known) = (word, 1);
    while known < len {
        let step = if known < len - known { known } else { len - known };
        starts &= starts >> step;
        known += step;
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_of_runs_of_ones() {
        assert_eq!(starts_of(0b0111_0110, 1), 0b0111_0110);
        assert_eq!(starts_of(0b0111_0110, 2), 0b0011_0010);
        assert_eq!(starts_of(0b0111_0110, 3), 0b0001_0000);
        assert_eq!(starts_of(!0, 64), 1);
    }

    #[test]
    fn a_hole_may_end_with_the_range() {
        assert_eq!(find_zeros_sparse(&[0b1111], 0..8, 4, 4), Some(4));
        assert_eq!(find_zeros_sparse(&[0b1111], 0..8, 5, 1), None);
        assert_eq!(find_zeros(&[0b1111], 0..8, 4, 4, &mut { Run::NONE }), Some(4));
    }

    #[test]
    fn neighbours_do_not_meet() {
        let run = Run { start: 4, len: 4 };
        assert!(!run.meets(&(0..4)) && run.meets(&(0..5)));
        assert!(!run.meets(&(8..9)) && run.meets(&(7..9)));
    }

    #[test]
    fn of_equal_holes_the_first_is_told() {
        // ..#..#.....
        let mut skipped = Run::NONE;
        assert_eq!(find_zeros(&[0b10_0100], 0..64, 3, 1, &mut skipped), Some(6));
        assert_eq!(skipped, Run { start: 0, len: 2 });
    }

    /// A run inside a word that is longer than half a word, after one that is, too.
    #[test]
    fn the_longest_run_may_be_the_second_inside_a_word() {
        let word = |run: Range<u32>| !(upto_mask(run.end - 1) & from_mask(run.start));
        let map = [word(8..41), word(4..60)];
        let found = longest_zeros(&map, 0..128, 128);
        assert_eq!(found.best, Run { start: 64 + 4, len: 56 });
        assert_eq!(found.before, Run { start: 8, len: 33 });
    }
}
