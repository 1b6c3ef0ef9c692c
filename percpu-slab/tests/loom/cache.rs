//! Who keeps a cache's core: the handle, and every object that is not in its slab.
//!
//! # Safety
//!
//! Frees what it allocated, once.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

use percpu_core::Unit;
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::raw::{ObjectCache, ObjectCacheOptions};

/// An object, sent to whoever frees it.
struct Sent(NonNull<u8>);

// SAFETY: memory that belongs to whoever has this.
unsafe impl Send for Sent {}

impl Sent {
    fn free(self) {
        // SAFETY: allocated, and freed once.
        unsafe { ObjectCache::free(self.0) };
    }
}

/// Magazines of one object, slabs of four.
fn cache(max_magazines: usize, depot: usize) -> ObjectCache {
    let mut options = ObjectCacheOptions::default();
    options.magazines.magazine = 1;
    options.magazines.magazines = 1;
    options.magazines.max_magazines = max_magazines;
    options.magazines.depot = depot;
    options.slabs.min_objects = Some(1);
    options.slabs.max_order = 0;
    options.slabs.min_partial = Some(1);
    ObjectCache::new(Layout::from_size_align(1024, 8).unwrap(), options).unwrap()
}

fn object(cache: &ObjectCache) -> Sent {
    Sent(cache.alloc().unwrap())
}

/// The free of the last object comes before, into or after the drop of the cache: its
/// memory goes once, when nobody uses it.
#[test]
fn last_free_against_drop() {
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let cache = cache(1, 0);
        let last = object(&cache);
        let freer = machine.spawn_on(0, move || last.free());
        let dropper = machine.spawn_on(1, move || drop(cache));
        freer.join().unwrap();
        dropper.join().unwrap();
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
}

/// The cache is gone; of two threads with one object each the later one frees its memory.
#[test]
fn last_free_against_last_free() {
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let cache = cache(1, 0);
        let objects = [object(&cache), object(&cache)];
        drop(cache);
        let freers = objects.map(|object| machine.spawn_on(0, move || object.free()));
        freers.into_iter().for_each(|freer| freer.join().unwrap());
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
}

/// As the first, where the object finds the magazine full, and another one goes into the
/// depot that is emptied.
#[test]
fn last_free_by_the_depot_against_drop() {
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let cache = cache(1, 1);
        let [first, last] = [object(&cache), object(&cache)];
        first.free();
        let freer = machine.spawn_on(0, move || last.free());
        let dropper = machine.spawn_on(1, move || drop(cache));
        freer.join().unwrap();
        dropper.join().unwrap();
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
}

/// A shrink finds the object at its user's, or cached, or in its slab.
#[test]
fn last_free_against_shrink() {
    static LEFT: Outcomes<usize> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let cache = Arc::new(cache(1, 0));
        let last = object(&cache);
        let freer = machine.spawn_on(0, move || last.free());
        let theirs = Arc::clone(&cache);
        let shrinker = machine.spawn_on(1, move || theirs.shrink().unwrap());
        freer.join().unwrap();
        shrinker.join().unwrap();
        assert_eq!(cache.live(), 0, "lost");
        LEFT.saw(cache.slab_stats().slabs);
        cache.shrink().unwrap();
        assert_eq!(cache.slab_stats().spans, 0);
        drop(cache);
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    LEFT.assert_exactly([0, 1]);
}

/// A drain finds the object or does not; it is at one place afterwards.
#[test]
fn free_against_drain() {
    static CACHED: Outcomes<usize> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let cache = Arc::new(cache(1, 0));
        let one = object(&cache);
        let freer = machine.spawn_on(0, move || one.free());
        let theirs = Arc::clone(&cache);
        let drainer = machine.spawn_on(1, move || {
            theirs.drain(Unit::all().unwrap().next().unwrap()).unwrap();
        });
        freer.join().unwrap();
        drainer.join().unwrap();
        assert_eq!(cache.live(), 0, "lost");
        CACHED.saw(cache.cached());
        assert_eq!(Arc::into_inner(cache).unwrap().destroy(), 0);
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    CACHED.assert_exactly([0, 1]);
}

/// An object that is freed on another CPU is given out again there while another one of
/// its slab is freed.
#[test]
fn free_elsewhere_against_alloc() {
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let cache = Arc::new(cache(1, 0));
        let one = object(&cache);
        let theirs = Arc::clone(&cache);
        let other = machine.spawn_on(1, move || {
            one.free();
            object(&theirs)
        });
        let mine = object(&cache);
        let theirs = other.join().unwrap();
        assert_ne!(mine.0, theirs.0, "given out twice");
        mine.free();
        drop(cache);
        theirs.free();
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
}
