//! Slabs by themselves: what they give out, keep and give back.
//!
//! # Safety
//!
//! Promises what `Slabs::new` asks for, and writes into objects that it was given.

#![cfg(not(percpu_loom))]
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::collections::BTreeSet;

use percpu_slab::Error;
use percpu_slab::raw::{FreeError, SPAN, SlabOptions, Slabs, Source};

fn slabs(size: usize, options: SlabOptions) -> Slabs {
    let layout = Layout::from_size_align(size, 8).unwrap();
    // SAFETY: the tests free what they were given, once.
    unsafe { Slabs::new(layout, options) }.unwrap()
}

/// Objects, as many as asked for.
fn objects(slabs: &Slabs, count: usize) -> Vec<u64> {
    let mut all = vec![0; count];
    let mut got = 0;
    while got < count {
        got += slabs.refill(&mut all[got..]).unwrap();
    }
    all
}

#[test]
fn objects_do_not_overlap_and_all_come_back() {
    let slabs = slabs(96, SlabOptions::default());
    let all = objects(&slabs, 1000);
    let distinct: BTreeSet<u64> = all.iter().copied().collect();
    assert_eq!(distinct.len(), 1000);
    assert!(distinct.iter().zip(distinct.iter().skip(1)).all(|(a, b)| b - a >= 96));
    assert_eq!(slabs.stats().live, 1000);
    assert!(!slabs.free(&all));
    let stats = slabs.stats();
    assert_eq!((stats.live, stats.double_frees), (0, 0));
    assert!(stats.slabs <= 5, "{stats:?}");
    assert_eq!(slabs.shrink(), stats.bytes);
    assert_eq!(slabs.stats().spans, 0);
    assert!(slabs.close());
}

#[test]
fn five_empty_slabs_are_kept_and_the_sixth_goes() {
    let slabs = slabs(64, SlabOptions::default());
    let per = slabs.geometry().objects;
    let all = objects(&slabs, per * 6);
    for (i, slab) in all.chunks(per).enumerate() {
        assert!(!slabs.free(slab));
        assert_eq!(slabs.stats().empty, (i + 1).min(5));
    }
    assert_eq!(slabs.stats().slabs, 5);
}

#[test]
fn the_last_object_of_what_is_closed_says_so_once() {
    let slabs = slabs(64, SlabOptions::default());
    let all = objects(&slabs, 200);
    assert!(!slabs.close());
    assert!(matches!(slabs.refill(&mut [0; 4]), Err(Error::LimitReached { .. })));
    let ends: Vec<bool> = all.chunks(7).map(|some| slabs.free(some)).collect();
    assert_eq!(ends.iter().filter(|&&end| end).count(), 1);
    assert_eq!(ends.last(), Some(&true));
    assert_eq!(slabs.stats().spans, 0);
}

#[test]
fn what_is_no_object_in_use_is_known() {
    let slabs = slabs(64, SlabOptions::default());
    let all = objects(&slabs, 3);
    let at = all[1] as usize;
    assert_eq!(slabs.check(at), Ok(()));
    assert_eq!(slabs.check(at + 8), Err(FreeError::Misaligned));
    assert_eq!(slabs.check(at & !(SPAN - 1)), Err(FreeError::Foreign));
    assert_eq!(slabs.check(64), Err(FreeError::Foreign));
    slabs.free(&all[1..2]);
    assert_eq!(slabs.check(at), Err(FreeError::Double));
    slabs.free(&all[1..2]);
    assert_eq!(slabs.stats().double_frees, 1);
    let mut left = Vec::new();
    slabs.for_each(|object| left.push(object as u64));
    assert_eq!(left, [all[0], all[2]]);
}

#[test]
fn a_limit_is_exact() {
    let mut options = SlabOptions::default();
    options.limit = Some(100);
    let slabs = slabs(64, options);
    let all = objects(&slabs, 100);
    assert_eq!(slabs.refill(&mut [0; 8]), Err(Error::LimitReached { limit: 100 }));
    slabs.free(&all[..3]);
    assert_eq!(slabs.refill(&mut [0; 8]), Ok(3));
    assert_eq!(slabs.refill(&mut [0; 8]), Err(Error::LimitReached { limit: 100 }));
}
