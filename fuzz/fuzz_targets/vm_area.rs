//! Congruent areas in a pretend address space, against a look at every base.

#![no_main]

use std::ops::Range;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::{AddressSpace, AddressSpaceError};

#[derive(Arbitrary, Debug)]
struct Input {
    start: u8,
    len: u8,
    /// Offsets and sizes; multiples of the alignment as a rule.
    shapes: [Vec<(u8, u8)>; 3],
    shifts: [u8; 3],
    /// Any numbers at all, for the checks.
    wild: (Vec<(usize, usize)>, usize),
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Place(u8),
    Remove(u8),
    Occupy(u8, u8),
}

fn free(space: &AddressSpace, range: &Range<usize>) -> bool {
    let whole = space.range();
    whole.start <= range.start
        && range.end <= whole.end
        && space.taken().iter().all(|t| t.end <= range.start || range.end <= t.start)
}

fn brute_force(space: &AddressSpace, areas: &[(usize, usize)], align: usize) -> Option<usize> {
    let fits =
        |&base: &usize| areas.iter().all(|&(at, size)| free(space, &(base + at..base + at + size)));
    (0..space.range().end).step_by(align).rev().find(fits)
}

fuzz_target!(|input: Input| {
    let start = usize::from(input.start);
    let mut space = AddressSpace::new(start..start + usize::from(input.len) * 2, 1);
    let shapes: Vec<(Vec<(usize, usize)>, usize)> = input
        .shapes
        .iter()
        .zip(input.shifts)
        .map(|(shape, shift)| {
            let shift = shift % 4;
            let number = |byte: u8| usize::from(byte % 32) << shift;
            let areas = shape.iter().take(6).map(|&(at, size)| (number(at), number(size)));
            (areas.collect(), 1 << shift)
        })
        .collect();

    let mut bases = Vec::new();
    for step in input.steps.iter().take(64) {
        match *step {
            Step::Place(which) => {
                let (areas, align) = &shapes[usize::from(which) % shapes.len()];
                let before = space.taken().len();
                match space.clone().place(areas, *align) {
                    Ok(base) => {
                        assert_eq!(brute_force(&space, areas, *align), Some(base));
                        assert_eq!(space.place(areas, *align), Ok(base));
                        assert_eq!(space.taken().len(), before + areas.len());
                        bases.push(base);
                    }
                    Err(
                        AddressSpaceError::NoHole { .. } | AddressSpaceError::NoAddressSpace { .. },
                    ) => {
                        assert_eq!(brute_force(&space, areas, *align), None);
                    }
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
            Step::Remove(which) if !bases.is_empty() => {
                let base = bases.swap_remove(usize::from(which) % bases.len());
                assert!(space.remove(base) && !space.remove(base));
            }
            Step::Remove(which) => assert!(!space.remove(usize::from(which))),
            Step::Occupy(at, len) => {
                let range = usize::from(at) * 2..usize::from(at) * 2 + usize::from(len % 16);
                let expected = !range.is_empty() && free(&space, &range);
                assert_eq!(space.occupy(range).is_ok(), expected);
            }
        }
        assert!(space.taken().windows(2).all(|pair| pair[0].end <= pair[1].start));
    }

    let (areas, align) = &input.wild;
    if let Ok(base) = AddressSpace::new(start..usize::MAX, 1).find(areas, *align) {
        assert!(base.is_multiple_of(*align) && base >= start);
    }
});
