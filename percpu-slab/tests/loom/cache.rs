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
use percpu_slab::Cache;
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

/// As that, and so many objects at most.
fn limited(limit: usize) -> ObjectCache {
    let mut options = ObjectCacheOptions::default();
    options.magazines.magazine = 1;
    options.magazines.magazines = 1;
    options.magazines.max_magazines = 1;
    options.magazines.depot = 0;
    options.slabs.min_objects = Some(1);
    options.slabs.max_order = 0;
    options.slabs.limit = Some(limit);
    ObjectCache::new(Layout::from_size_align(1024, 8).unwrap(), options).unwrap()
}

fn object(cache: &ObjectCache) -> Sent {
    Sent(cache.alloc().unwrap())
}

/// The free of the last object comes before, into or after the drop of the cache: its
/// memory goes once, when nobody uses it.
#[test]
fn last_free_against_drop() {
    static LAST: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let cache = cache(1, 0);
        let last = object(&cache);
        let freer = machine.spawn_on(0, move || last.free());
        let dropper = machine.spawn_on(1, move || cache.destroy());
        freer.join().unwrap();
        LAST.saw(dropper.join().unwrap() == 0);
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    // By the drop, or by the free.
    LAST.assert_exactly([false, true]);
}

/// The cache is gone; of two threads with one object each the later one frees its memory.
#[test]
fn last_free_against_last_free() {
    static LAST: Outcomes<usize> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let cache = cache(1, 0);
        let objects = [object(&cache), object(&cache)];
        drop(cache);
        let freers = objects.map(|object| {
            machine.spawn_on(0, move || {
                object.free();
                ObjectCache::cores()
            })
        });
        let left = freers.map(|freer| freer.join().unwrap());
        assert_eq!(ObjectCache::cores(), 0, "leaked");
        // Which of them still saw it.
        LAST.saw(left.iter().position(|&cores| cores > 0).unwrap_or(2));
    });
    LAST.assert_seen([0, 1]);
}

/// As the first, where the object finds the magazine full, and another one goes into the
/// depot that is emptied.
#[test]
fn last_free_by_the_depot_against_drop() {
    static LAST: Outcomes<usize> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let cache = cache(1, 1);
        let [first, last] = [object(&cache), object(&cache)];
        first.free();
        let freer = machine.spawn_on(0, move || last.free());
        let dropper = machine.spawn_on(1, move || cache.destroy());
        freer.join().unwrap();
        LAST.saw(dropper.join().unwrap());
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    // The drop was the last, or left the object, or that and the magazine of the first.
    LAST.assert_exactly([0, 1, 2]);
}

/// As the first, by the batch: the last object of the batch is the last that is given back,
/// and nothing is touched after it.
#[test]
fn last_free_of_a_batch_against_drop() {
    static LAST: Outcomes<usize> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let cache = cache(1, 1);
        let objects = [object(&cache), object(&cache)];
        let freer = machine.spawn_on(0, move || {
            let items = objects.map(|object| object.0.as_ptr().expose_provenance() as u64);
            // SAFETY: allocated, and freed once.
            unsafe { ObjectCache::free_batch(&items) };
        });
        let dropper = machine.spawn_on(1, move || cache.destroy());
        freer.join().unwrap();
        LAST.saw(dropper.join().unwrap());
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    LAST.assert_exactly([0, 1, 2]);
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
    static AGAIN: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let cache = Arc::new(cache(1, 0));
        let one = object(&cache);
        let address = one.0;
        let theirs = Arc::clone(&cache);
        let other = machine.spawn_on(1, move || {
            one.free();
            object(&theirs)
        });
        let mine = object(&cache);
        let theirs = other.join().unwrap();
        assert_ne!(mine.0, theirs.0, "given out twice");
        AGAIN.saw(theirs.0 == address);
        mine.free();
        drop(cache);
        theirs.free();
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    AGAIN.assert_seen([true]);
}

/// One object may be out: who asks for it while it is freed on another CPU finds it there,
/// or is refused.
#[test]
fn alloc_at_the_limit_against_free() {
    static GOT: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(0).preemptions(3).check(|machine| {
        let cache = Arc::new(limited(1));
        let one = object(&cache);
        let freer = machine.spawn_on(0, move || one.free());
        let theirs = Arc::clone(&cache);
        let asks = machine.spawn_on(1, move || theirs.alloc().ok().map(Sent));
        freer.join().unwrap();
        let got = asks.join().unwrap();
        assert_eq!(cache.live(), usize::from(got.is_some()), "more than may be, or lost");
        GOT.saw(got.is_some());
        got.into_iter().for_each(Sent::free);
        drop(cache);
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    GOT.assert_exactly([false, true]);
}

/// Large, so that a slab has few: of hundreds each would be words of loom's.
#[derive(Debug)]
struct Large([u64; 128]);

/// What was set aside is nobody else's, and comes back.
#[test]
fn prefill_against_drain_and_shrink() {
    static CACHED: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let cache = Cache::<Large>::builder().magazine(1).max_magazines(1).depot(0);
        let cache = Arc::new(cache.build().unwrap());
        let large = |n| Large([n; 128]);
        drop(cache.alloc(large(9)).unwrap());
        let theirs = Arc::clone(&cache);
        let works = machine.spawn_on(0, move || {
            let mut set_aside = theirs.prefill(2).unwrap();
            let used = set_aside.alloc(large(1)).unwrap();
            let other = theirs.alloc(large(2)).unwrap();
            drop(set_aside);
            assert_eq!((used.0[0], other.0[0]), (1, 2), "one for two");
            // Freed at the end: what that does beside a drain, `free_against_drain` shows.
            (used, other)
        });
        let theirs = Arc::clone(&cache);
        let drains = machine.spawn_without_rseq(move || {
            theirs.drain(Unit::all().unwrap().next().unwrap()).unwrap();
        });
        let in_use = works.join().unwrap();
        drains.join().unwrap();
        assert_eq!(cache.stats().live, 2, "lost, or not given back");
        CACHED.saw(cache.as_raw().cached());
        drop(in_use);
        assert_eq!(cache.stats().live, 0, "lost");
        cache.shrink().unwrap();
        assert_eq!(cache.as_raw().slab_stats().spans, 0, "stranded");
        drop(cache);
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    CACHED.assert_exactly([0, 1]);
}
