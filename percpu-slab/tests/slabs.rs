//! Slabs by themselves: what they give out, keep and give back.
//!
//! # Safety
//!
//! Promises what `Slabs::new` asks for, and writes into objects that it was given.

#![cfg(not(percpu_loom))]
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use percpu_slab::Error;
use percpu_slab::raw::{Constructor, FreeError, Numa, SPAN, SlabOptions, Slabs, Source};

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

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Slabs>();
};

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
fn memory_is_held_for_as_many_slabs_as_exist_and_for_few_for_none() {
    let slabs = slabs(64, SlabOptions::default());
    let per = slabs.geometry().objects;
    let all = objects(&slabs, per * 200);
    let held: Vec<(usize, usize)> = all
        .chunks(per)
        .map(|slab| {
            assert!(!slabs.free(slab));
            let stats = slabs.stats();
            (stats.slabs, stats.held / slabs.geometry().slab_bytes())
        })
        .collect();
    assert!(held.iter().all(|&(slabs, held)| held <= slabs.saturating_sub(16)), "{held:?}");
    assert!(held.iter().any(|&(_, held)| held > 80), "{held:?}");
    assert_eq!(held.last(), Some(&(5, 0)));
    // What is held is what is taken first.
    let all = objects(&slabs, per * 100);
    assert!(!slabs.free(&all[..per * 30]));
    let held = slabs.stats().held;
    assert!(held > 0);
    let more = objects(&slabs, per * 6);
    assert_eq!(slabs.stats().held, held - slabs.geometry().slab_bytes());
    assert!(!slabs.free(&more));
    slabs.shrink();
    assert_eq!(slabs.stats().held, 0);
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

#[test]
fn a_limit_in_bytes_is_one_of_slabs() {
    let mut options = SlabOptions::default();
    options.max_bytes = Some(3 * 4096 + 5);
    let slabs = slabs(64, options);
    let all = objects(&slabs, 3 * 64);
    assert_eq!(slabs.refill(&mut [0; 8]), Err(Error::LimitReached { limit: 3 * 64 }));
    slabs.free(&all[7..9]);
    assert_eq!(slabs.refill(&mut [0; 8]), Ok(2));
    assert_eq!(slabs.stats().bytes, 3 * 4096);
}

#[test]
fn each_object_is_made_once_for_each_slab_in_order() {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    unsafe fn construct(object: *mut u8, context: usize) {
        let last = LAST.swap(object.addr(), Ordering::Relaxed);
        assert!(last == 0 || object.addr() > last, "not in order");
        // SAFETY: an object of 64 bytes at a multiple of 8.
        unsafe { object.cast::<usize>().write(context) };
    }
    let mut options = SlabOptions::default();
    options.constructor = Some(Constructor { call: construct, context: 41 });
    let slabs = slabs(64, options);
    for _ in 0..3 {
        // Whoever has it, the next one finds it as it was left.
        let object = objects(&slabs, 1)[0] as usize as *mut usize;
        // SAFETY: an object of 64 bytes that was given to us.
        let value = unsafe { &mut *object };
        *value += 1;
        assert!(!slabs.free(&[object as u64]));
    }
    let mut values = Vec::new();
    for object in objects(&slabs, 64) {
        // SAFETY: as above.
        values.push(unsafe { *(object as usize as *const usize) });
    }
    values.sort_unstable();
    assert_eq!((values[0], values[62], values[63]), (41, 41, 44));
}

#[test]
fn a_constructor_that_panics_loses_nothing() {
    thread_local!(static LEFT: Cell<usize> = const { Cell::new(0) });
    unsafe fn construct(_: *mut u8, _: usize) {
        assert_ne!(LEFT.replace(LEFT.get() - 1), 1, "it was said to");
    }
    let mut options = SlabOptions::default();
    options.constructor = Some(Constructor { call: construct, context: 0 });
    options.limit = Some(100);
    let slabs = slabs(64, options);
    // In the first slab; in the second, with objects of the first in hand.
    for good in [10, 64 + 10] {
        LEFT.set(good);
        let panics = catch_unwind(AssertUnwindSafe(|| slabs.refill(&mut [0; 80])));
        assert!(panics.is_err());
        assert_eq!(slabs.stats().live, 0);
    }
    LEFT.set(1000);
    let all = objects(&slabs, 100);
    assert!(slabs.refill(&mut [0]).is_err(), "the limit");
    assert!(!slabs.free(&all));
    assert!(slabs.close());
}

#[test]
fn memory_that_is_refused_is_an_error_and_leaves_all_as_it_was() {
    let slabs = slabs(1 << 16, SlabOptions::default());
    let mut live = Vec::new();
    for after in 0..4 {
        slabs.fail_after(None, Some(after));
        let error = loop {
            let mut out = [0; 4];
            match slabs.refill(&mut out) {
                Ok(count) => live.extend_from_slice(&out[..count]),
                Err(error) => break error,
            }
        };
        assert_eq!(error, Error::OutOfMemory { bytes: SPAN });
        assert_eq!(slabs.stats().live, live.len());
        assert_eq!(slabs.stats().spans, after * (after + 1) / 2);
        assert!(live.iter().all(|&object| slabs.check(object as usize).is_ok()));
    }
    slabs.fail_after(None, None);
    live.extend(objects(&slabs, 1));
    assert_eq!(live.iter().collect::<BTreeSet<_>>().len(), live.len());
    assert!(!slabs.free(&live));
    assert!(slabs.close());
    assert_eq!(slabs.stats().spans, 0);
}

#[test]
fn what_takes_no_room_and_what_is_aligned_far_has_an_address_of_its_own() {
    for (size, align) in [(0, 1), (0, 64), (1, 4096), (100, 1 << 14), (8, SPAN / 2)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: what it gives out is freed once.
        let slabs = unsafe { Slabs::new(layout, SlabOptions::default()) }.unwrap();
        let all = objects(&slabs, 5);
        assert!(all.iter().all(|&object| object != 0 && (object as usize).is_multiple_of(align)));
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 5);
        assert!(all.iter().all(|&object| slabs.check(object as usize).is_ok()));
        assert!(!slabs.free(&all));
        assert!(slabs.close());
    }
    let layout = Layout::from_size_align(SPAN, 8).unwrap();
    // SAFETY: as above.
    let refused = unsafe { Slabs::new(layout, SlabOptions::default()) };
    assert!(matches!(refused, Err(Error::Layout { max, .. }) if max == SPAN / 2));
}

#[test]
fn an_objects_owner_is_found_by_its_address() {
    let slabs = slabs(640, SlabOptions::default());
    slabs.set_owner(77);
    for object in objects(&slabs, 2000) {
        // SAFETY: an object that is in use.
        assert_eq!(unsafe { Slabs::owner_of(object as usize) }, 77);
    }
}

thread_local!(static NODE: Cell<usize> = const { Cell::new(0) });

/// Slabs of a machine with three nodes in a row; threads say which one they are on.
fn on_three_nodes() -> Slabs {
    let mut options = SlabOptions::default();
    let distance = |from: usize, to: usize| 10 + 10 * from.abs_diff(to) as u32;
    options.numa = Some(Numa { nodes: 3, here: || NODE.get(), distance, real: false });
    options.min_partial = Some(1);
    slabs(64, options)
}

#[test]
fn what_is_freed_elsewhere_goes_to_the_node_it_is_of() {
    let slabs = on_three_nodes();
    let per = slabs.geometry().objects;
    NODE.set(1);
    let all = objects(&slabs, 2 * per);
    // SAFETY: an object that is in use.
    assert!(all.iter().all(|&object| unsafe { Slabs::node_of(object as usize) } == 1));
    NODE.set(0);
    assert!(!slabs.free(&all[..3]));
    let partial: Vec<usize> = (0..3).map(|node| slabs.stats_of(node).partial).collect();
    assert_eq!(partial, [0, 1, 0]);
    // Node 1 keeps one partial slab, so node 0 makes one of its own.
    let own = objects(&slabs, 1);
    // SAFETY: an object that is in use.
    assert_eq!(unsafe { Slabs::node_of(own[0] as usize) }, 0);
    NODE.set(1);
    let again: BTreeSet<u64> = objects(&slabs, 3).into_iter().collect();
    assert_eq!(again, all[..3].iter().copied().collect());
}

#[test]
fn a_node_without_memory_is_helped_by_the_nearest_that_has_more_than_it_keeps() {
    let slabs = on_three_nodes();
    let per = slabs.geometry().objects;
    let mut of_node = [const { Vec::new() }; 3];
    for (node, objects_of) in of_node.iter_mut().enumerate() {
        NODE.set(node);
        *objects_of = objects(&slabs, 3 * per);
    }
    // Two partial slabs each: one more than they keep.
    for all in &of_node[1..] {
        assert!(!slabs.free(&[all[0], all[per]]));
    }
    NODE.set(0);
    let mut out = [0; 4];
    slabs.fail_after(Some(0), None);
    let count = slabs.refill(&mut out).unwrap();
    assert_eq!(count, 4);
    // SAFETY: objects that are in use.
    let nodes = out.map(|object| unsafe { Slabs::node_of(object as usize) });
    assert_eq!(nodes, [1, 1, 2, 2], "the nearest first");
    // What they keep is for them, but better than nothing.
    assert!(!slabs.free(&[of_node[2][per]]));
    assert_eq!(slabs.refill(&mut out), Ok(1));
    assert_eq!(out[0], of_node[2][per]);
    assert!(matches!(slabs.refill(&mut out), Err(Error::OutOfMemory { .. })));
}
