//! The search against a look at every base, and each check of its arguments.

use proptest::prelude::*;

use super::*;

const NO_HINT: usize = usize::MAX;

/// Every base, from the top: what the search must find.
fn brute_force(space: &Range<usize>, taken: &[Range<usize>], areas: &Areas) -> Option<usize> {
    let free = |range: &Range<usize>| {
        range.start >= space.start
            && range.end <= space.end
            && taken.iter().all(|other| other.end <= range.start || range.end <= other.start)
    };
    (space.start..space.end)
        .rev()
        .filter(|base| base.is_multiple_of(areas.align))
        .find(|&base| areas.at(base).all(|range| free(&range)))
}

/// Ranges between 0 and some 120, some of them touching.
fn obstacles() -> impl Strategy<Value = Vec<Range<usize>>> {
    let lengths = prop::collection::vec((0usize..12, 1usize..9), 0..10);
    lengths.prop_map(|lengths| {
        let mut end = 0;
        lengths
            .into_iter()
            .map(|(gap, size)| {
                let start = end + gap;
                end = start + size;
                start..end
            })
            .collect()
    })
}

/// One to five areas, in any order, in multiples of 1, 2, 4 or 8.
fn areas() -> impl Strategy<Value = Areas> {
    let lengths = prop::collection::vec((0usize..5, 1usize..4), 1..6);
    let order = lengths.prop_flat_map(|lengths| {
        let mut end = 0;
        let areas: Vec<_> = lengths
            .into_iter()
            .map(|(gap, size)| {
                end += gap + size;
                (end - size, size)
            })
            .collect();
        Just(areas).prop_shuffle()
    });
    (order, 0u32..4).prop_map(|(areas, shift)| {
        let areas = areas.into_iter().map(|(at, size)| (at << shift, size << shift));
        Areas::new(&areas.collect::<Vec<_>>(), 1 << shift, 1).expect("in order and aligned")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn it_finds_what_a_look_at_every_base_finds(
        space in (0usize..40, 0usize..120).prop_map(|(start, len)| start..start + len),
        taken in obstacles(),
        areas in areas(),
    ) {
        let found = areas.highest_base(&space, &taken, NO_HINT);
        prop_assert_eq!(found.as_ref().ok().copied(), brute_force(&space, &taken, &areas));
        match found {
            // With nothing taken it would have been found, or not.
            Err(AddressSpaceError::NoHole { .. }) => {
                prop_assert!(brute_force(&space, &[], &areas).is_some());
            }
            Err(AddressSpaceError::NoAddressSpace { .. }) => {
                prop_assert_eq!(brute_force(&space, &[], &areas), None);
            }
            Err(other) => prop_assert!(false, "{}", other),
            // A hint is a bound: at the answer or above it changes nothing, and
            // below it the answer is that of a smaller space.
            Ok(base) => {
                for hint in base..space.end {
                    prop_assert_eq!(areas.highest_base(&space, &taken, hint), Ok(base));
                }
                if let Some(below) = base.checked_sub(1) {
                    let lower = space.start..base + areas.span() - 1;
                    prop_assert_eq!(
                        areas.highest_base(&space, &taken, below).ok(),
                        brute_force(&lower, &taken, &areas)
                    );
                }
            }
        }
    }
}

fn areas_of(list: &[(usize, usize)]) -> Areas {
    Areas::new(list, 4096, 4096).unwrap()
}

#[test]
fn the_top_of_the_space_comes_first() {
    let space = 0x1000..0x10_0000;
    let one = areas_of(&[(0, 0x2000)]);
    assert_eq!(one.highest_base(&space, &[], NO_HINT), Ok(0xF_E000));
    // Just below what is taken, not a page lower.
    assert_eq!(
        one.highest_base(&space, core::slice::from_ref(&(0xF_F000..0x10_0000)), NO_HINT),
        Ok(0xF_D000)
    );
    // A neighbour that ends where the area begins does not matter.
    assert_eq!(
        one.highest_base(&space, core::slice::from_ref(&(0..0xF_E000)), NO_HINT),
        Ok(0xF_E000)
    );
}

/// The lower area finds its place only after the higher one has moved twice.
#[test]
fn a_move_makes_all_areas_be_looked_at_again() {
    let two = areas_of(&[(0, 0x1000), (0x8000, 0x1000)]);
    let taken = [0x2_7000..0x2_8000, 0x2_E000..0x2_F000, 0x2_F000..0x3_0000];
    // 2F and 2E move the higher area to 2D, which puts the lower one to 25.
    assert_eq!(two.highest_base(&(0..0x3_0000), &taken, NO_HINT), Ok(0x2_5000));
    let taken = [0x2_5000..0x2_6000, 0x2_C000..0x2_D000, 0x2_E000..0x3_0000];
    // The lower area moves the higher one into 2C, which moves both again.
    assert_eq!(two.highest_base(&(0..0x3_0000), &taken, NO_HINT), Ok(0x2_3000));
}

#[test]
fn the_ends_of_the_number_range_are_no_trap() {
    let one = Areas::new(&[(0, 1)], 1, 1).unwrap();
    assert_eq!(one.highest_base(&(0..usize::MAX), &[], NO_HINT), Ok(usize::MAX - 1));
    let half = 1 << (usize::BITS - 1);
    let large = Areas::new(&[(0, half)], half, 1).unwrap();
    assert_eq!(large.highest_base(&(0..usize::MAX), &[], NO_HINT), Ok(0));
    let error = |space| large.highest_base(&space, &[], NO_HINT).unwrap_err();
    let span = half;
    assert_eq!(error(1..usize::MAX), AddressSpaceError::NoAddressSpace { span, available: 0 });
    assert_eq!(
        error(usize::MAX - 1..usize::MAX),
        AddressSpaceError::NoAddressSpace { span, available: 0 }
    );
    let taken = [0..1, usize::MAX - 1..usize::MAX];
    assert_eq!(one.highest_base(&(0..1), &taken, NO_HINT).map_err(|e| e.is_no_hole()), Err(true));
    assert_eq!(one.highest_base(&(0..usize::MAX), &taken, NO_HINT), Ok(usize::MAX - 2));
}

#[test]
fn each_wrong_argument_has_its_error() {
    use AddressSpaceError::*;
    let error = |list: &[(usize, usize)], align| Areas::new(list, align, 4096).unwrap_err();
    assert_eq!(error(&[], 4096), NoAreas);
    assert_eq!(error(&[(0, 4096)], 0), AlignNotPowerOfTwo { align: 0 });
    assert_eq!(error(&[(0, 4096)], 12_288), AlignNotPowerOfTwo { align: 12_288 });
    assert_eq!(error(&[(0, 4096)], 2048), AlignNotPages { align: 2048, page: 4096 });
    assert_eq!(error(&[(0, 4096), (4096, 0)], 4096), EmptyArea { offset: 4096 });
    let misaligned = |offset, size| Misaligned { offset, size, align: 8192 };
    assert_eq!(error(&[(4096, 8192)], 8192), misaligned(4096, 8192));
    assert_eq!(error(&[(8192, 4096)], 8192), misaligned(8192, 4096));
    let (offset, size) = (usize::MAX - 4095, 4096);
    assert_eq!(error(&[(offset, size)], 4096), EndOverflow { offset, size });
    assert_eq!(
        error(&[(8192, 4096), (0, 12_288)], 4096),
        Overlap { first: 0..12_288, second: 8192..12_288 }
    );
    assert_eq!(error(&[(0, 4096), (0, 4096)], 4096), Overlap { first: 0..4096, second: 0..4096 });
    // Touching is not overlapping, and the order does not matter.
    assert_eq!(areas_of(&[(4096, 4096), (0, 4096)]).span(), 8192);
    // A page of nothing divides nothing.
    assert_eq!(
        Areas::new(&[(0, 4096)], 4096, 0).unwrap_err(),
        AlignNotPages { align: 4096, page: 0 }
    );
}
