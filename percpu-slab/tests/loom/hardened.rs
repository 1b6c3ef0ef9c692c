//! Hardened caches: of two frees of one object one is granted, and a cache ends with its
//! last object, whoever brings it.
//!
//! # Safety
//!
//! Frees objects through their cache, which is to find out who does so twice.

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use percpu_core::model::{Builder, Outcomes};
use percpu_slab::Cache;
use percpu_slab::hardened::Kind;
use percpu_slab::raw::ObjectCache;

fn cache() -> Cache<u64> {
    Cache::builder().hardened(true).build().unwrap()
}

/// An object, sent to whoever frees it.
#[derive(Clone, Copy)]
struct Sent(NonNull<u8>);

// SAFETY: memory that belongs to whoever the cache grants it.
unsafe impl Send for Sent {}

fn object(cache: &Cache<u64>) -> Sent {
    Sent(cache.as_raw().alloc().unwrap())
}

/// Freed twice at once: once it is done, and once told.
#[test]
fn free_against_free_of_one_object() {
    static GRANTED: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let cache = Arc::new(cache());
        let one = object(&cache);
        let frees = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&cache);
            machine.spawn_on(cpu, move || {
                let one = one;
                // SAFETY: in use when the first one comes; a mistake of the second one, in
                // a hardened cache.
                unsafe { theirs.as_raw().free_checked(one.0) }
            })
        });
        let granted = frees.map(|free| free.join().unwrap());
        assert_ne!(granted[0], granted[1], "freed {granted:?}");
        assert_eq!((cache.stats().live, cache.validate().unwrap().reports()), (0, 2));
        GRANTED.saw(granted);
        drop(cache);
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    GRANTED.assert_exactly([[true, false], [false, true]]);
}

/// An address of another cache is told as one while that cache goes: the registry knows it,
/// or not any more.
#[test]
fn free_through_the_wrong_cache_against_its_end() {
    static TOLD: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(0).preemptions(2).check(|machine| {
        let (right, wrong) = (cache(), Arc::new(cache()));
        let one = object(&right);
        let theirs = Arc::clone(&wrong);
        let mistaken = machine.spawn_on(0, move || {
            let one = one;
            // SAFETY: a mistake, in a hardened cache.
            assert!(!unsafe { theirs.as_raw().free_checked(one.0) });
        });
        let ends = machine.spawn_on(1, move || {
            let one = one;
            drop(right);
            // SAFETY: allocated, and not freed by who made the mistake.
            unsafe { ObjectCache::free(one.0) };
        });
        mistaken.join().unwrap();
        ends.join().unwrap();
        let report = wrong.validate().unwrap();
        assert_eq!(report.total, 1, "{report}");
        let kind = report.corruptions[0].kind;
        assert!(matches!(kind, Kind::WrongCache | Kind::ForeignFree), "{kind:?}");
        TOLD.saw(kind == Kind::WrongCache);
        drop(wrong);
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    TOLD.assert_exactly([false, true]);
}

/// The last object comes before, into or after the end of its cache, which is freed once.
#[test]
fn last_free_against_drop() {
    static LEFT: Outcomes<usize> = Outcomes::new();
    Builder::new().faults(0).preemptions(3).check(|machine| {
        let cache = cache();
        let one = object(&cache);
        let frees = machine.spawn_on(0, move || {
            let one = one;
            // SAFETY: allocated, and freed once.
            unsafe { ObjectCache::free(one.0) };
        });
        let drops = machine.spawn_on(1, move || match cache.destroy() {
            Ok(()) => 0,
            Err(left) => left.count,
        });
        frees.join().unwrap();
        LEFT.saw(drops.join().unwrap());
        assert_eq!(ObjectCache::cores(), 0, "leaked");
    });
    LEFT.assert_exactly([0, 1]);
}
