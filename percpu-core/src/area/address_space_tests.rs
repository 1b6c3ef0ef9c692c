//! A pretend address space against one without memory of where it searched.

use proptest::prelude::*;

use super::*;

const PAGE: usize = 4096;

/// Two shapes with gaps, which nest into each other, and a plain one.
const SHAPES: [(&[(usize, usize)], usize); 3] = [
    (&[(0, PAGE), (4 * PAGE, 2 * PAGE)], PAGE),
    (&[(0, 2 * PAGE), (4 * PAGE, 2 * PAGE), (8 * PAGE, 2 * PAGE)], 2 * PAGE),
    (&[(0, PAGE)], PAGE),
];

/// The answer without a hint, looking at every page.
fn naive(space: &AddressSpace, shape: usize) -> Option<usize> {
    let (areas, align) = SHAPES[shape];
    let free = |range: Range<usize>| {
        space.range.start <= range.start
            && range.end <= space.range.end
            && space.taken.iter().all(|t| t.end <= range.start || range.end <= t.start)
    };
    let fits = |base: usize| areas.iter().all(|&(at, size)| free(base + at..base + at + size));
    (0..space.range.end).step_by(align).rev().find(|&base| fits(base))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever was placed and removed before, and whichever shape was searched
    /// for last.
    #[test]
    fn the_remembered_hole_never_changes_the_answer(
        steps in prop::collection::vec((0usize..5, any::<prop::sample::Index>()), 1..80),
    ) {
        let mut space = AddressSpace::new(3 * PAGE..45 * PAGE + 1, PAGE);
        let mut bases = Vec::new();
        for (step, which) in steps {
            match step {
                0..3 => {
                    let expected = naive(&space, step);
                    let (areas, align) = SHAPES[step];
                    prop_assert_eq!(space.find(areas, align).ok(), expected);
                    let placed = space.place(areas, align);
                    prop_assert_eq!(placed.as_ref().ok().copied(), expected);
                    bases.extend(placed);
                }
                3 if !bases.is_empty() => {
                    let base = bases.swap_remove(which.index(bases.len()));
                    prop_assert!(space.remove(base));
                    prop_assert!(!space.remove(base));
                }
                _ => {
                    let start = which.index(space.range.end);
                    let free = last_meeting(&space.taken, start..start + 100).is_none();
                    let inside = space.range.start <= start && start + 100 <= space.range.end;
                    prop_assert_eq!(space.occupy(start..start + 100).is_ok(), free && inside);
                }
            }
            prop_assert!(space.taken.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
        for base in bases {
            prop_assert!(space.remove(base));
        }
        prop_assert!(space.taken.iter().all(|range| range.len() == 100), "obstacles alone");
    }
}

#[test]
fn the_search_begins_where_the_last_one_ended() {
    let mut space = AddressSpace::new(0..100 * PAGE, PAGE);
    let (areas, align) = SHAPES[2];
    let bases: Vec<_> = (0..5).map(|_| space.place(areas, align).unwrap()).collect();
    assert_eq!(bases, [99, 98, 97, 96, 95].map(|page| page * PAGE));
    let below = |space: &AddressSpace| space.hint.as_ref().unwrap().below;
    assert_eq!(below(&space), 95 * PAGE);
    assert!(space.remove(98 * PAGE));
    assert_eq!(below(&space), 99 * PAGE, "the end of what was given back");
    assert_eq!(space.place(areas, align), Ok(98 * PAGE));
    assert_eq!(space.place(areas, align), Ok(94 * PAGE));
}

#[test]
fn congruent_areas_nest() {
    let mut space = AddressSpace::new(0..8 * PAGE, PAGE);
    let comb = [(0, PAGE), (2 * PAGE, PAGE), (4 * PAGE, PAGE)];
    assert_eq!(space.place(&comb, PAGE), Ok(3 * PAGE));
    assert_eq!(space.place(&comb, PAGE), Ok(2 * PAGE));
    assert_eq!(space.place(&comb, PAGE).unwrap_err(), AddressSpaceError::NoHole { span: 5 * PAGE });
    assert!(space.remove(3 * PAGE));
    assert_eq!(space.place(&comb, PAGE), Ok(3 * PAGE));
}

/// What is kept for later is given up once; if that does not help, that is it.
#[test]
fn without_a_hole_it_purges_once_and_searches_once_more() {
    let mut space = AddressSpace::new(0..4 * PAGE, PAGE);
    let (one, all) = ([(0, PAGE)], [(0, 4 * PAGE)]);
    let mut kept: Vec<_> = (0..3).map(|_| space.place(&one, PAGE).unwrap()).collect();
    let mut purges = 0;
    let mut purge = |space: &mut AddressSpace| {
        purges += 1;
        for base in kept.drain(1..) {
            assert!(space.remove(base));
        }
    };
    // One is still in use, so the second search fails too.
    let refused = space.place_or_purge(&all, PAGE, &mut purge);
    assert_eq!(refused, Err(AddressSpaceError::NoHole { span: 4 * PAGE }));
    assert_eq!(space.taken().len(), 1);
    assert_eq!(space.place_or_purge(&[(0, 3 * PAGE)], PAGE, &mut purge), Ok(0));
    assert_eq!(purges, 1);
    // Too large for the whole space: nothing that could be purged would help.
    let refused = space.place_or_purge(&[(0, 5 * PAGE)], PAGE, |_| unreachable!("no use"));
    let (span, available) = (5 * PAGE, 4 * PAGE);
    assert_eq!(refused, Err(AddressSpaceError::NoAddressSpace { span, available }));
}

#[test]
fn obstacles_are_checked() {
    let mut space = AddressSpace::new(10..100, 1);
    let reversed = Range { start: 50, end: 40 };
    for range in [0..20, 90..101, 50..50, reversed] {
        assert_eq!(space.occupy(range.clone()), Err(AddressSpaceError::Outside { range }));
    }
    space.occupy(20..30).unwrap();
    space.occupy(30..40).unwrap();
    assert_eq!(space.occupy(15..25), Err(AddressSpaceError::Taken { by: 20..30 }));
    assert_eq!(space.occupy(29..31), Err(AddressSpaceError::Taken { by: 30..40 }));
    assert_eq!(space.taken(), [20..30, 30..40]);
    assert!(!space.remove(20), "an obstacle is not what was placed");
    let refused = space.place(&[(4, 4)], 4);
    assert_eq!(refused, Err(AddressSpaceError::NothingAtBase { lowest: 4 }));
}
