//! A chunk against its naive twin, and the cases that have names.

use proptest::prelude::*;

use super::chunk::{Area, Chunk, FreeError, Pages};
use super::naive::Twins;

const STEPS: usize = 300;

proptest! {
    /// Rows DA-02, DA-04 and DA-06: after every step the hints are the truth
    /// and the chunk does what a bitmap does, failures included.
    #[test]
    fn a_chunk_is_a_first_fit_bitmap(
        (block, blocks) in prop_oneof![
            6 => Just((256, 7)),
            3 => Just((512, 8)),
            1 => Just((4096, 2)),
        ],
        hidden in (0usize..300, 0usize..300),
        codes in proptest::collection::vec(any::<[u8; 4]>(), 0..STEPS),
    ) {
        let mut twins = Twins::new(block * blocks, block, hidden.0 * 4, hidden.1 / 2 * 4);
        for code in codes {
            twins.step(code);
            twins.check();
        }
        twins.finish();
    }

    /// The same with a chunk that is nearly full, where hints matter most.
    #[test]
    fn a_full_chunk_is_a_first_fit_bitmap(
        codes in proptest::collection::vec(any::<[u8; 4]>(), 0..STEPS),
    ) {
        let mut twins = Twins::new(2048, 256, 0, 0);
        (0u8..64).for_each(|nth| twins.step([0, 0, nth.wrapping_mul(5), 0]));
        for code in codes {
            twins.step(code);
            twins.check();
        }
        twins.finish();
    }
}

/// Chunks of 32 KiB in pages, full of 512-byte areas.
fn full() -> Chunk {
    let mut chunk = Chunk::new(32 << 10, 4096, 0, 0);
    while chunk.alloc(512, 4).is_some() {}
    assert_eq!((chunk.free_bytes(), chunk.contig_bytes()), (0, 0));
    chunk
}

#[test]
fn who_may_not_wait_gets_what_is_populated() {
    let mut chunk = Chunk::new(32 << 10, 4096, 0, 0);
    assert!(chunk.alloc_in(8, 8, Pages::Populated).is_none());
    chunk.mark_populated(2..3);
    chunk.mark_populated(5..7);
    let mut at = |size| chunk.alloc_in(size, 8, Pages::Populated).map(|area| area.offset / 4096);
    assert_eq!([at(8192), at(4096), at(8)], [Some(5), Some(2), None]);
    chunk.check_invariants();
}

/// Row DA-13, the chunk's part: a hole inside page 5 raises the chunk's hint.
#[test]
fn a_free_inside_a_block_raises_the_hint_of_the_chunk() {
    let mut chunk = full();
    let hole = 5 * 4096 + 1024;
    assert_eq!(chunk.free(hole), Ok(512));
    assert_eq!(chunk.contig_bytes(), 512);
    assert_eq!(chunk.alloc(512, 4), Some(Area { offset: hole, size: 512, needs_zero: true }));
}

/// Row DA-14: what is not live cannot be freed, and nothing changes.
#[test]
fn wrong_frees_change_nothing() {
    let mut chunk = Chunk::new(8192, 4096, 16, 16);
    let area = chunk.alloc(12, 4).unwrap();
    assert_eq!(area, Area { offset: 16, size: 12, needs_zero: false });
    let before = chunk.stats();
    for (offset, error) in [
        (0, FreeError::NotAStart),
        (20, FreeError::NotAStart),
        (18, FreeError::NotAStart),
        (28, FreeError::NotAllocated),
        (8188, FreeError::NotAStart),
        (8192, FreeError::NotAllocated),
        (usize::MAX, FreeError::NotAllocated),
    ] {
        assert_eq!(chunk.free(offset), Err(error), "offset {offset}");
        assert_eq!(chunk.stats(), before);
    }
    assert_eq!(chunk.free(16), Ok(12));
    assert_eq!(chunk.free(16), Err(FreeError::NotAllocated));
    assert!(chunk.is_free());
    chunk.check_invariants();
}

#[test]
fn only_used_memory_needs_zeroing() {
    let mut chunk = Chunk::new(8192, 4096, 0, 0);
    let first = chunk.alloc(64, 64).unwrap();
    assert!(!first.needs_zero);
    chunk.free(first.offset).unwrap();
    assert!(chunk.alloc(4, 4).unwrap().needs_zero);
    let spanning = chunk.alloc(124, 4).unwrap();
    assert!(spanning.needs_zero, "60 of its bytes were used");
    assert!(!chunk.alloc(128, 4).unwrap().needs_zero);
    chunk.free(spanning.offset).unwrap();
    chunk.mark_zero(spanning.offset, spanning.size);
    assert!(chunk.alloc(60, 4).unwrap().needs_zero, "of its line 4 bytes are still in use");
    assert!(!chunk.alloc(64, 4).unwrap().needs_zero);
    // The second page, zeroed, while the first is dirty.
    let mut chunk = Chunk::new(8192, 4096, 0, 0);
    let all = chunk.alloc(8192, 4096).unwrap();
    chunk.free(all.offset).unwrap();
    chunk.mark_zero(4096, 4096);
    assert!(chunk.alloc(4096, 4096).unwrap().needs_zero);
    assert!(!chunk.alloc(4096, 4096).unwrap().needs_zero);
}

#[test]
fn a_chunk_serves_what_is_not_hidden() {
    let chunk = Chunk::new(8192, 4096, 16, 12);
    let served = [0, 15, 16, 19, 4096, 8179, 8180, 8191].map(|offset| chunk.serves(offset));
    assert_eq!(served, [false, false, true, true, true, true, false, false]);
    assert_eq!((chunk.page_bytes(), chunk.unit_bytes()), (4096, 8192));
    assert!(format!("{chunk:?}").contains("free_bytes: 8164"), "{chunk:?}");
}

#[test]
fn an_index_knows_its_size() {
    let chunk = Chunk::new(8192, 4096, 0, 0);
    // Of 2048 granules: which are in use, where each area ends, dirty lines, pages.
    let maps = 256 + 264 + 16 + 8;
    let blocks = 2 * size_of::<super::block::Hints>();
    assert_eq!(chunk.metadata_bytes(), size_of::<Chunk>() + blocks + maps);
}

#[test]
fn errors_say_what_is_wrong() {
    assert!(FreeError::NotAllocated.to_string().contains("nothing is allocated"));
    assert!(FreeError::NotAStart.to_string().contains("no allocation starts"));
}

#[test]
fn areas_may_cross_blocks() {
    let mut chunk = Chunk::new(32 << 10, 4096, 0, 0);
    let whole = chunk.alloc(32 << 10, 4096).unwrap();
    assert_eq!((whole.offset, whole.size), (0, 32 << 10));
    assert_eq!(chunk.alloc(1, 1), None);
    chunk.check_invariants();
    assert_eq!(chunk.free(0), Ok(32 << 10));
    let head = chunk.alloc(4000, 4).unwrap();
    let middle = chunk.alloc(10_000, 8).unwrap();
    let tail = chunk.alloc(4, 4).unwrap();
    assert_eq!((head.offset, middle.offset, tail.offset), (0, 4000, 14_000));
    assert!(!chunk.is_block_free(2) && chunk.is_block_free(4) && !chunk.is_block_free(3));
    chunk.free(middle.offset).unwrap();
    assert!(chunk.is_block_free(1) && chunk.is_block_free(2) && !chunk.is_block_free(0));
    assert_eq!(chunk.alloc(8192, 4096).unwrap().offset, 4096, "8192 granules behind the head");
    chunk.check_invariants();
}

/// Found by the model: an alignment over the unit is met at offset 0 only.
#[test]
fn offset_zero_suits_every_alignment() {
    let mut chunk = Chunk::new(1792, 256, 0, 0);
    assert_eq!(chunk.alloc(127, 4096).unwrap().offset, 0);
    assert_eq!(chunk.alloc(4, 2048), None);
    assert_eq!(chunk.alloc(4, 1024).unwrap().offset, 1024);
    chunk.check_invariants();
    // 2^30 granules, the most there can be.
    let mut chunk = Chunk::new(1792, 256, 0, 0);
    assert_eq!(chunk.alloc(4, 1 << 32).unwrap().offset, 0);
}

/// What did not fit is remembered, but not longer than it is true.
#[test]
fn a_refusal_ends_with_the_next_free() {
    let mut chunk = Chunk::new(8192, 4096, 0, 0);
    let areas: Vec<Area> = (0..8).map(|_| chunk.alloc(1024, 4).unwrap()).collect();
    chunk.free(areas[1].offset).unwrap();
    assert_eq!(chunk.alloc(512, 2048), None);
    assert_eq!(chunk.alloc(512, 1024).unwrap().offset, 1024, "less aligned");
    assert_eq!(chunk.alloc(512, 512).unwrap().offset, 1536);
    chunk.free(areas[2].offset).unwrap();
    assert_eq!(chunk.alloc(512, 2048).unwrap().offset, 2048);
}

#[test]
fn nonsense_fits_nowhere() {
    let mut chunk = Chunk::new(8192, 4096, 0, 0);
    for (size, align) in
        [(0, 4), (8, 0), (8, 3), (8196, 4), (usize::MAX, 4), (8, 1 << 33), (8, 1 << 40)]
    {
        assert_eq!(chunk.alloc(size, align), None, "{size} bytes at {align}");
    }
    assert!(chunk.is_free());
}

#[test]
fn the_first_chunk_is_immutable() {
    assert!(!Chunk::new(8192, 4096, 0, 0).is_immutable());
    let chunk = Chunk::new(8192, 4096, 8192, 0).immutable();
    assert!(chunk.is_immutable() && chunk.is_free());
    assert_eq!(chunk.free_bytes(), 0);
    chunk.check_invariants();
}
