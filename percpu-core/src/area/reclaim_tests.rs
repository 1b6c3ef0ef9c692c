//! Which chunks are set aside, and which of their pages go: units of eight pages, so that
//! a quarter is two.

use super::chunk::Chunk;
use super::index::{ChunkId, ChunkSet};
use super::index_tests::{PAGE, chunk, set};

/// Of the areas that the chunks are full of: a page may stay in use after a free.
const HALF: usize = PAGE / 2;

/// A chunk with all its pages populated, the first of them idle and the others full.
fn with_idle(pages: usize) -> Chunk {
    let mut chunk = chunk();
    chunk.mark_populated(0..8);
    (0..16).for_each(|_| assert!(chunk.alloc(HALF, HALF).is_some()));
    (0..2 * pages).for_each(|half| assert_eq!(chunk.free(half * HALF), Ok(HALF)));
    chunk
}

/// Frees what lies in a page; whether a balance was due then.
fn empty(set: &mut ChunkSet, id: ChunkId, page: usize) -> bool {
    assert!(!set.free(id, page * PAGE).unwrap().balance_due, "half of the page is in use");
    set.free(id, page * PAGE + HALF).unwrap().balance_due
}

#[test]
fn a_chunk_is_set_aside_with_a_quarter_idle_and_five_pages_elsewhere() {
    let mut set = set();
    let [four, chunk] = [4, 0].map(|idle| set.insert(with_idle(idle)));
    assert!(![0, 1, 2].map(|page| empty(&mut set, chunk, page)).contains(&true), "four elsewhere");
    assert!(!empty(&mut set, four, 4), "three elsewhere");
    assert!(!set.is_isolated(chunk) && !set.is_isolated(four));
    assert!(set.free(chunk, 3 * PAGE).unwrap().balance_due && set.is_isolated(chunk));

    let mut set = self::set();
    let [_, chunk] = [5, 0].map(|idle| set.insert(with_idle(idle)));
    assert!(!empty(&mut set, chunk, 0), "less than a quarter");
    assert!(empty(&mut set, chunk, 1) && set.is_isolated(chunk));
    set.check_invariants();
}

#[test]
fn a_sidelined_chunk_goes_once_more_when_a_page_is_idle() {
    let mut set = set();
    let id = set.insert(with_idle(0));
    set.sideline(id);
    assert!(empty(&mut set, id, 0), "however few are elsewhere");
    assert_eq!(set.next_depopulation(8), None);
    assert!(!set.is_isolated(id), "a page at hand is wanted");
}

#[test]
fn pages_go_from_the_end_until_four_are_left() {
    // Of one elsewhere and five of its own, two.
    let mut set = set();
    let [_, id] = [1, 5].map(|idle| set.insert(with_idle(idle)));
    set.isolate(id);
    assert_eq!(set.next_depopulation(8), Some((id, 3..5)));
    set.depopulated(id, 3..5);
    assert_eq!((set.next_depopulation(8), set.is_isolated(id)), (None, false));
    assert_eq!(set.empty_populated_pages(), 4);
    let pages = core::iter::from_fn(|| set.alloc(PAGE, PAGE)).filter(|(of, _)| *of == id);
    let mut pages: Vec<_> = pages.map(|(_, area)| (area.offset / PAGE, area.needs_zero)).collect();
    pages.sort_unstable();
    let dirty = [true, true, true, false, false];
    assert!(pages.into_iter().eq(dirty.into_iter().enumerate()), "what went comes back zeroed");
    // Without any of its own it has nothing to give, whatever is elsewhere.
    let id = set.insert(with_idle(0));
    set.isolate(id);
    assert_eq!((set.next_depopulation(8), set.is_isolated(id)), (None, true));
    set.check_invariants();
}

#[test]
fn who_asks_for_a_balance_gets_what_is_worth_it() {
    let mut set = set();
    let mut touched = chunk();
    touched.mark_populated(0..1);
    let chunks = [with_idle(1), chunk(), with_idle(2), touched, with_idle(3)];
    let ids = chunks.map(|chunk| set.insert(chunk));
    assert_eq!(set.empty_populated_pages(), 7);
    set.isolate_idle();
    // A quarter, and all of one that is free; four are left then.
    assert_eq!(ids.map(|id| set.is_isolated(id)), [false, false, true, true, false]);
    assert_eq!(set.empty_populated_pages(), 4);
    set.check_invariants();
}

#[test]
#[should_panic(expected = "take_spare_empty comes first")]
fn a_chunk_in_use_is_not_forgotten() {
    let mut set = set();
    let id = set.insert(chunk());
    set.forget(id);
}
