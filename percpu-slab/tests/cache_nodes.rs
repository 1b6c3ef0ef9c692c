//! Caches on a machine of several nodes, which is pretended.
//!
//! # Safety
//!
//! Frees what it allocated, once.

#![cfg(not(percpu_loom))]
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::Cell;

use percpu_slab::raw::{Numa, ObjectCache, ObjectCacheOptions};

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

fn cache() -> ObjectCache {
    let mut options = ObjectCacheOptions::default();
    options.slabs.numa = Some(Numa {
        nodes: 2,
        here: || HERE.get(),
        distance: |a, b| if a == b { 10 } else { 20 },
        real: false,
    });
    ObjectCache::new(Layout::new::<[u64; 8]>(), options).unwrap()
}

fn on(node: usize) {
    HERE.set(node);
}

fn free(object: std::ptr::NonNull<u8>) {
    // SAFETY: allocated by these tests, and freed once.
    unsafe { ObjectCache::free(object) };
}

#[test]
fn an_object_that_is_freed_on_another_node_goes_to_its_slab() {
    let cache = cache();
    on(0);
    let [a, b] = [(); 2].map(|()| cache.alloc().unwrap());
    let out = |node| cache.slab_stats_of(node).live;
    let (cached, live) = (cache.cached(), out(0));
    assert_eq!((cached + 2, out(1)), (live, 0));
    on(1);
    free(a);
    assert_eq!((cache.cached(), out(0), out(1)), (cached, live - 1, 0), "it bypassed them");
    on(0);
    free(b);
    assert_eq!((cache.cached(), out(0), out(1)), (cached + 1, live - 1, 0), "it did not");

    cache.flush().unwrap();
    assert_eq!((out(0), out(1)), (0, 0));
    on(1);
    let c = cache.alloc().unwrap();
    assert!(out(0) == 0 && out(1) > 0, "memory of the node that asks");
    let batch: Vec<u64> = [c].iter().map(|object| object.addr().get() as u64).collect();
    on(0);
    let cached = cache.cached();
    // SAFETY: as in `free`.
    unsafe { ObjectCache::free_batch(&batch) };
    assert_eq!(cache.cached(), cached);
    assert_eq!(cache.destroy(), 0);
}
