//! Places as plain buffers: every byte, every state.

use proptest::prelude::*;

use super::*;

/// A place of `shape`, painted as an object in this state, the bytes that no zone
/// covers as `rest`.
fn painted(shape: &Shape, state: Use, rest: u8) -> Vec<u8> {
    let mut place = vec![rest; shape.place().size()];
    for zone in shape.zones(state) {
        place[zone.range].fill(zone.byte);
    }
    place
}

/// What is wrong with a place, its zones repaired on the way.
fn repair(shape: &Shape, state: Use, place: &mut [u8]) -> Vec<(Kind, usize, Damage)> {
    let mut found = Vec::new();
    for zone in shape.zones(state) {
        let bytes = &mut place[zone.range.clone()];
        if let Some(damage) = check(bytes, zone.byte) {
            found.push((zone.kind, zone.range.start + damage.first, damage));
            bytes.fill(zone.byte);
        }
    }
    found
}

fn layouts() -> impl Strategy<Value = Layout> {
    (0usize..300, 0u32..8)
        .prop_map(|(size, align)| Layout::from_size_align(size, 1 << align).unwrap())
}

#[test]
fn places_of_some_layouts_are_as_drawn() {
    let place = |size, align| {
        let shape = Shape::new(Layout::from_size_align(size, align).unwrap()).unwrap();
        (shape.object(), shape.right, shape.stride, shape.align)
    };
    assert_eq!(place(64, 8), (8, 8, 80, 8));
    assert_eq!(place(18, 1), (8, 14, 40, 8));
    assert_eq!(place(0, 1), (8, 8, 16, 8));
    assert_eq!(place(64, 64), (64, 8, 192, 64));
    assert_eq!(place(4096, 4096), (4096, 8, 3 * 4096, 4096));
}

#[test]
fn a_layout_without_a_place_is_refused() {
    let layout = Layout::from_size_align(isize::MAX as usize - 15, 16).unwrap();
    assert!(matches!(Shape::new(layout), Err(Error::Layout { .. })));
}

#[test]
fn nothing_of_an_object_without_bytes_is_poisoned() {
    let shape = Shape::new(Layout::new::<()>()).unwrap();
    assert_eq!(painted(&shape, Use::Free, 0), [0xbb; 16]);
}

#[test]
fn a_free_object_is_as_the_kernel_paints_it() {
    let shape = Shape::new(Layout::from_size_align(3, 1).unwrap()).unwrap();
    let mut expected = vec![0xbb; 8];
    expected.extend([0x6b, 0x6b, 0xa5]);
    expected.extend([0xbb; 13]);
    assert_eq!(painted(&shape, Use::Free, 0), expected);
}

proptest! {
    /// S1 and S2.
    #[test]
    fn zones_cover_a_place_once(layout in layouts(), used in 0usize..300) {
        let shape = Shape::new(layout).unwrap();
        let object = shape.object()..shape.object() + shape.size();
        prop_assert_eq!(shape.object() % layout.align(), 0);
        prop_assert_eq!(shape.place().size() % layout.align(), 0);
        let used = used.min(shape.size());
        for (state, bare) in [
            (Use::Live(used), object.start..object.start + used),
            (Use::Free, 0..0),
        ] {
            let mut count = vec![0; shape.place().size()];
            for zone in shape.zones(state) {
                count[zone.range].iter_mut().for_each(|count| *count += 1);
            }
            for (at, count) in count.into_iter().enumerate() {
                prop_assert_eq!(count, u32::from(!bare.contains(&at)), "byte {}", at);
            }
        }
    }

    /// One byte at a time, every one.
    #[test]
    fn each_byte_changed_is_seen_told_and_repaired(
        layout in layouts(), used in 0usize..300, change in 1u8..,
    ) {
        let shape = Shape::new(layout).unwrap();
        for state in [Use::Live(used.min(shape.size())), Use::Free] {
            let sound = painted(&shape, state, 0x11);
            for at in 0..sound.len() {
                let mut place = sound.clone();
                place[at] ^= change;
                let zone = shape.zones(state).into_iter().find(|zone| zone.range.contains(&at));
                let found = repair(&shape, state, &mut place);
                match zone {
                    None => prop_assert!(found.is_empty(), "the user's own byte {}", at),
                    Some(zone) => {
                        let damage = Damage {
                            first: at - zone.range.start,
                            len: 1,
                            found: sound[at] ^ change,
                        };
                        prop_assert_eq!(found, vec![(zone.kind, at, damage)]);
                        prop_assert_eq!(&place, &sound);
                    }
                }
            }
        }
    }

    /// From the first to the last.
    #[test]
    fn damage_spans_what_was_changed(
        len in 1usize..100, byte: u8, changes in prop::collection::btree_map(0usize..100, 1u8.., 0..5),
    ) {
        let mut bytes = vec![byte; len];
        let mut changed = Vec::new();
        for (at, change) in changes {
            if at < len {
                bytes[at] ^= change;
                changed.push(at);
            }
        }
        let expected = changed.first().map(|&first| Damage {
            first,
            len: changed.last().unwrap() - first + 1,
            found: bytes[first],
        });
        prop_assert_eq!(check(&bytes, byte), expected);
    }
}
