//! The arithmetic of `bitmap.rs` against a walk from bit to bit, for the property tests
//! and the fuzz target.

#![cfg_attr(not(fuzzing), allow(unreachable_pub, reason = "only fuzz targets reach it"))]

use core::ops::Range;

use super::bitmap::{
    Longest, Run, any_set, clear, count, find_zeros, find_zeros_sparse, longest_zeros, next_set,
    next_zero, set, set_bit, test, zeros_up_to_end,
};

/// Every run of zeros in `range`, bit by bit.
fn holes(map: &[u64], range: Range<u32>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for bit in range.filter(|&bit| !test(map, bit)) {
        match runs.last_mut() {
            Some(run) if run.end() == bit => run.len += 1,
            _ => runs.push(Run { start: bit, len: 1 }),
        }
    }
    runs
}

/// Changes touch their range and nothing else.
fn check_changes(map: &[u64], range: Range<u32>) {
    let (mut ones, mut zeros, mut one) = (map.to_vec(), map.to_vec(), map.to_vec());
    set(&mut ones, range.clone());
    clear(&mut zeros, range.clone());
    if !range.is_empty() {
        set_bit(&mut one, range.start);
    }
    for bit in 0..map.len() as u32 * u64::BITS {
        let (was, inside) = (test(map, bit), range.contains(&bit));
        assert_eq!(test(&ones, bit), was || inside);
        assert_eq!(test(&zeros, bit), was && !inside);
        assert_eq!(test(&one, bit), was || (inside && bit == range.start));
    }
}

/// Counts and neighbours.
fn check_neighbours(map: &[u64], range: Range<u32>) {
    let ones: Vec<u32> = range.clone().filter(|&bit| test(map, bit)).collect();
    let end = range.end;
    assert_eq!(count(map, range.clone()) as usize, ones.len());
    assert_eq!(any_set(map, range.clone()), !ones.is_empty());
    assert_eq!(next_set(map, range.clone()), *ones.first().unwrap_or(&end));
    let zero = range.clone().find(|&bit| !test(map, bit)).unwrap_or(end);
    assert_eq!(next_zero(map, range.clone()), zero);
    let tail = ones.last().map_or(range.start, |last| last + 1);
    assert_eq!(zeros_up_to_end(map, range), tail);
}

/// `len` zeros at a multiple of 2 to the `shift`: the first fit, by either search.
fn check_fit(map: &[u64], range: Range<u32>, len: u32, shift: u32) {
    let holes = holes(map, range.clone());
    let hit = holes.iter().position(|hole| hole.fit(len, 1 << shift).is_some());
    let mut skipped = Run::NONE;
    let found = find_zeros(map, range.clone(), len, 1 << shift, &mut skipped);
    assert_eq!(found, hit.and_then(|nth| holes[nth].fit(len, 1 << shift)));
    assert_eq!(found, find_zeros_sparse(map, range, len, 1 << shift));
    let passed = &holes[..hit.unwrap_or(holes.len())];
    assert_eq!(skipped.len, passed.iter().map(|hole| hole.len).max().unwrap_or(0));
    assert!(skipped.len == 0 || passed.contains(&skipped));
}

/// The hint of a block: its longest hole, and the longest before that.
fn check_longest(map: &[u64], range: Range<u32>) {
    let mut want = Longest::default();
    holes(map, range.clone()).into_iter().for_each(|hole| want.see(hole));
    let found = longest_zeros(map, range.clone(), u32::MAX);
    assert_eq!((found.best, found.before), (want.best, want.before));
    // Told the answer it may stop early, but at the same run.
    let told = longest_zeros(map, range, want.best.len.max(1));
    assert_eq!((told.best, told.before), (want.best, want.before));
}

/// Every answer about a part of a map, and one request for `len` zeros of which the
/// first lies at a multiple of 2 to the `shift`.
///
/// # Panics
/// If one is wrong, and if the range is not of the map or `len` is 0.
pub fn check_map(map: &[u64], range: Range<u32>, len: u32, shift: u32) {
    check_changes(map, range.clone());
    check_neighbours(map, range.clone());
    check_fit(map, range.clone(), len, shift);
    check_longest(map, range);
}

#[cfg(test)]
mod tests {
    use core::ops::Range;

    use proptest::prelude::*;

    const BITS: u32 = 320;

    /// Maps with long runs as well as noise.
    fn maps() -> impl Strategy<Value = Vec<u64>> {
        let word = prop_oneof![
            2 => Just(0u64),
            1 => Just(!0),
            2 => any::<u64>(),
            2 => (0u32..64, 0u32..64).prop_map(|(a, b)| (!0 << a) & (!0 >> b)),
            1 => (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a & b),
            1 => (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a | b),
        ];
        proptest::collection::vec(word, (BITS / u64::BITS) as usize)
    }

    fn ranges() -> impl Strategy<Value = Range<u32>> {
        (0..=BITS, 0..=BITS).prop_map(|(a, b)| a.min(b)..a.max(b))
    }

    proptest! {
        #[test]
        fn maps_agree_with_a_walk(
            map in maps(), range in ranges(), len in 1u32..200, shift in 0u32..9,
        ) {
            super::check_map(&map, range, len, shift);
        }
    }
}
