//! Many chunks: order, reuse, what is kept and what may go.

use proptest::prelude::*;

use super::chunk::{Chunk, FreeError, Pages};
use super::index::{ChunkId, ChunkSet, Freed};
use super::pretend_machine::Dice;
use super::request::Limits;

const UNIT: usize = 32 << 10;
pub(super) const PAGE: usize = 4096;

pub(super) fn set() -> ChunkSet {
    ChunkSet::new(Limits::new(UNIT, PAGE))
}

pub(super) fn chunk() -> Chunk {
    Chunk::new(UNIT, PAGE, 0, 0)
}

/// Fills chunk after chunk with areas of `size` until `chunks` are full.
fn filled(chunks: usize, size: usize) -> (ChunkSet, Vec<ChunkId>) {
    let mut set = set();
    let mut ids = Vec::new();
    for _ in 0..chunks {
        let id = set.insert(chunk());
        ids.push(id);
        while let Some((from, _)) = set.alloc(size, 4) {
            assert_eq!(from, id, "the others are full");
        }
    }
    (set, ids)
}

/// Row DA-02, the shape of the kernel's `pcpu_alloc_test`.
#[test]
fn random_areas_succeed_and_are_aligned_and_disjoint() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut set = set();
    let mut live = Vec::new();
    for _ in 0..35_000 {
        let (size, align) = (dice.below(1024) + 1, 2 << dice.below(11));
        let (id, area) = match set.alloc(size, align) {
            Some(found) => found,
            None => {
                set.insert(chunk());
                set.alloc(size, align).expect("a fresh chunk has room")
            }
        };
        assert!(area.offset % align == 0 && area.size >= size && !area.needs_zero);
        live.push((id, area.offset, area.size));
    }
    let mut sorted = live.clone();
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        let [(chunk, offset, size), next] = pair else { unreachable!() };
        assert!(next.0 != *chunk || next.1 >= offset + size, "areas are disjoint");
    }
    set.check_invariants();

    while !live.is_empty() {
        let (id, offset, size) = live.swap_remove(dice.below(live.len()));
        assert_eq!(set.free(id, offset).map(|freed| freed.bytes), Ok(size));
    }
    assert!(set.iter().all(|(_, chunk)| chunk.is_free() && chunk.contig_bytes() == UNIT));
    set.check_invariants();
}

/// Row DA-05.
#[test]
fn the_fullest_chunk_with_room_is_asked_first() {
    let (mut set, ids) = filled(3, 256);
    let hole = |set: &mut ChunkSet, id: ChunkId, areas: usize| {
        (0..areas).for_each(|nth| assert!(set.free(id, nth * 256).is_ok()));
    };
    hole(&mut set, ids[0], 20);
    hole(&mut set, ids[1], 2);
    hole(&mut set, ids[2], 8);
    assert_eq!(set.alloc(8, 8).unwrap().0, ids[1]);
    assert_eq!(set.alloc(1024, 8).unwrap().0, ids[2], "the second is too full");
    assert_eq!(set.alloc(4096, 8).unwrap().0, ids[0]);
    assert_eq!(set.alloc(4096, 8), None);
    set.check_invariants();
}

/// Row DA-13: a hole of 512 bytes in page 5 of a full chunk is found.
#[test]
fn a_hole_inside_a_page_of_a_full_chunk_is_used() {
    let (mut set, ids) = filled(2, 512);
    assert_eq!(set.alloc(512, 4), None);
    let offset = 5 * PAGE + 1536;
    assert_eq!(
        set.free(ids[0], offset),
        Ok(Freed { bytes: 512, now_empty: false, balance_due: false })
    );
    let (id, area) = set.alloc(512, 4).expect("no new chunk is needed");
    assert_eq!((id, area.offset), (ids[0], offset));
    assert_eq!(set.alloc(512, 4), None);
}

/// Row DA-10, the index's part.
#[test]
fn one_free_chunk_is_kept() {
    let (mut set, ids) = filled(3, 4096);
    for &id in &ids {
        for nth in 0..8 {
            let freed = set.free(id, nth * 4096).unwrap();
            let now_empty = nth == 7;
            let spare = now_empty && id != ids[0];
            assert_eq!(freed, Freed { bytes: 4096, now_empty, balance_due: spare });
        }
    }
    let taken: Vec<ChunkId> = core::iter::from_fn(|| set.take_spare_empty()).collect();
    assert_eq!(taken.len(), 2);
    assert!(!set.has_spare_empty());
    for &id in &taken {
        assert!(set.get(id).is_some(), "its number is not reused yet");
        assert!(set.forget(id).is_free());
    }
    assert_eq!(set.iter().count(), 1);
    assert_eq!(set.insert(chunk()).index(), taken[0].index().min(taken[1].index()));
    set.check_invariants();
}

#[test]
fn a_chunk_that_is_going_serves_nobody() {
    let mut set = set();
    set.insert(chunk());
    set.insert(chunk());
    let going = set.take_spare_empty().unwrap();
    for _ in 0..8 {
        assert_ne!(set.alloc(4096, 4096).unwrap().0, going);
    }
    assert_eq!(set.alloc(4, 4), None);
    assert_eq!(set.free(going, 0), Err(FreeError::NotAllocated));
}

#[test]
fn the_first_chunk_stays() {
    let mut set = set();
    let first = set.insert(chunk().immutable());
    let other = set.insert(chunk());
    assert_eq!(set.take_spare_empty(), Some(other));
    set.forget(other);
    assert_eq!(set.take_spare_empty(), None);
    let (other, more) = (set.insert(chunk()), set.insert(chunk()));
    assert_ne!(set.take_spare_empty(), Some(first));
    assert_ne!(set.take_spare_empty(), Some(first));
    assert_eq!(set.take_spare_empty(), None, "of {other:?} and {more:?} none is left");
}

/// A chunk that fails a small request is not asked again until it gets room.
#[test]
fn a_chunk_that_fails_in_a_low_slot_sinks() {
    let (mut set, ids) = filled(1, 4);
    set.free(ids[0], 4).unwrap();
    set.free(ids[0], 12).unwrap();
    assert_eq!(set.alloc(8, 8), None, "holes of 4 bytes only");
    assert_eq!(set.alloc(4, 4), None, "in slot 0 now");
    set.free(ids[0], 20).unwrap();
    assert_eq!(set.alloc(4, 4).unwrap().1.offset, 4, "a free brings it back");
    set.check_invariants();
}

/// What a request that may not wait finds says nothing about the others, and from
/// 32 bytes on a hole is worth a second look.
#[test]
fn a_chunk_that_fails_otherwise_stays() {
    let (mut set, ids) = filled(1, 4);
    set.free(ids[0], 4).unwrap();
    assert_eq!(set.alloc_in(4, 4, Pages::Populated), None);
    assert_eq!(set.alloc(4, 4).unwrap().1.offset, 4);

    (1..9).for_each(|nth| assert_eq!(set.free(ids[0], 4 * nth).unwrap().bytes, 4));
    assert_eq!(set.get(ids[0]).unwrap().contig_bytes(), 32);
    assert_eq!(set.alloc(32, 64), None, "it begins at 4");
    assert_eq!(set.alloc(32, 4).unwrap().1.offset, 4);
    set.check_invariants();
}

#[test]
fn a_sidelined_chunk_is_used_last_and_taken_back() {
    let mut set = set();
    let ids = [set.insert(chunk()), set.insert(chunk()), set.insert(chunk())];
    set.alloc(16, 4).unwrap();
    let used = set.iter().find(|(_, chunk)| !chunk.is_free()).unwrap().0;
    let others: Vec<ChunkId> = ids.into_iter().filter(|&id| id != used).collect();
    set.sideline(others[0]);
    set.isolate(others[1]);
    while let Some((id, _)) = set.alloc(4096, 4) {
        if id != used {
            break;
        }
    }
    assert_eq!(set.get(others[0]).unwrap().free_bytes(), UNIT - 4096);
    assert!(!set.is_isolated(others[0]), "a hit takes it back");
    while set.alloc(4096, 4).is_some() {}
    assert!(set.get(others[1]).unwrap().is_free(), "about to be depopulated: not used");
    set.reintegrate(others[1]);
    assert_eq!(set.alloc(4096, 4).unwrap().0, others[1]);
    set.check_invariants();
}

/// Row DA-07.
#[test]
fn reserved_requests_stay_in_the_reserved_chunk() {
    let mut set = set();
    assert_eq!(set.alloc_reserved(8, 8), None);
    let dynamic = set.insert(chunk());
    assert_eq!(set.alloc_reserved(8, 8).unwrap().0, dynamic, "ignored without a reserved chunk");
    let reserved = set.insert_reserved(Chunk::new(UNIT, PAGE, 4096, UNIT - 8192).immutable());
    let (id, area) = set.alloc_reserved(4096, 8).unwrap();
    assert_eq!((id, area.offset), (reserved, 4096));
    assert_eq!(set.alloc_reserved(4, 4), None, "full, although others have room");
    assert!(set.free(reserved, 4096).unwrap().now_empty);
    assert_eq!(set.alloc(4096, 4).unwrap().0, dynamic);
    set.check_invariants();
}

/// Row DA-04, the index's part, and the exception for sections.
#[test]
fn requests_over_the_limits_are_refused() {
    let mut set = ChunkSet::new(Limits::new(2 * UNIT, PAGE));
    set.insert(Chunk::new(2 * UNIT, PAGE, 0, 0));
    for (size, align) in [(0, 4), (32769, 4), (8, 8192), (8, 3)] {
        assert!(set.check(size, align).is_err());
        assert_eq!(set.alloc(size, align), None);
    }
    let (id, area) = set.alloc_section(40_000, 64).unwrap();
    assert_eq!(area.size, 40_000);
    assert_eq!(set.check_section(40_000, 64), Ok(()));
    assert_eq!(set.alloc_section(2 * UNIT + 4, 64), None);
    assert!(set.check_section(2 * UNIT + 4, 64).is_err());
    set.free(id, area.offset).unwrap();
    assert_eq!(set.alloc(32768, 4096).unwrap().1.size, 32768);
}

proptest! {
    /// Whatever happens, lists and chunks agree, and areas stay disjoint.
    #[test]
    fn lists_and_chunks_agree(
        steps in proptest::collection::vec((any::<u8>(), any::<u16>(), 0u8..10), 0..200),
    ) {
        const SMALL: usize = 4096;
        let mut set = ChunkSet::new(Limits::new(SMALL, 512));
        let mut live: Vec<(ChunkId, usize, usize)> = Vec::new();
        for (kind, number, shift) in steps {
            let number = usize::from(number);
            match kind {
                0..130 => {
                    let size = number % if kind < 100 { 64 } else { SMALL } + 1;
                    let found = set.alloc(size, 1 << shift).or_else(|| {
                        set.insert(Chunk::new(SMALL, 512, 0, 0));
                        set.alloc(size, 1 << shift)
                    });
                    let (id, area) = found.expect("a fresh chunk has room");
                    prop_assert!(area.offset % (1 << shift) == 0);
                    let end = area.offset + area.size;
                    let disjoint = live.iter().all(|&(other, offset, size)| {
                        other != id || end <= offset || offset + size <= area.offset
                    });
                    prop_assert!(disjoint);
                    live.push((id, area.offset, area.size));
                }
                130..220 if !live.is_empty() => {
                    let (id, offset, size) = live.swap_remove(number % live.len());
                    let now_empty = live.iter().all(|&(other, ..)| other != id);
                    let freed = set.free(id, offset).unwrap();
                    prop_assert_eq!((freed.bytes, freed.now_empty), (size, now_empty));
                    prop_assert_eq!(set.free(id, offset), Err(FreeError::NotAllocated));
                }
                220..228 => {
                    let (limit, pages) = (number % 5 + 1, kind % 2 == 0);
                    if pages {
                        if let Some((id, pages)) = set.next_to_populate(limit) {
                            set.mark_populated(id, pages);
                        }
                    } else if let Some((id, pages)) = set.next_depopulation(limit) {
                        let page = SMALL / 8;
                        let gone = pages.start * page..pages.end * page;
                        let used = live.iter().any(|&(other, offset, size)| {
                            other == id && offset < gone.end && gone.start < offset + size
                        });
                        prop_assert!(!used, "only idle pages go");
                        set.depopulated(id, pages);
                    }
                }
                228..240 => {
                    let ids: Vec<ChunkId> = set.iter().map(|(id, _)| id).collect();
                    if let Some(&id) = ids.get(number % (ids.len() + 1)) {
                        match kind % 3 {
                            0 => set.isolate(id),
                            1 => set.sideline(id),
                            _ => set.reintegrate(id),
                        }
                    }
                }
                _ => while let Some(id) = set.take_spare_empty() {
                    prop_assert!(live.iter().all(|&(other, ..)| other != id));
                    set.forget(id);
                },
            }
            set.check_invariants();
        }
    }
}
