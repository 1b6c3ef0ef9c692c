//! Caches in one thread: what comes out, what goes back, what is refused.
//!
//! # Safety
//!
//! Makes an object of a pointer that one was made into, once.

#![cfg(not(percpu_loom))]
#![allow(unsafe_code)]

use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use percpu_core::{Unit, hotplug};
use percpu_slab::{
    AllocError, Cache, CacheBuilder, CacheStats, Error, LiveObjects, Object, Prefilled, free_bulk,
};

/// Counts itself while it is there.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(alive: &'a Cell<usize>) -> Self {
        alive.set(alive.get() + 1);
        Self(alive)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

fn is_shared<T: Send + Sync>() {}
fn is_debug<T: std::fmt::Debug>() {}

#[test]
fn every_type_is_shared_between_threads_and_prints() {
    is_shared::<Cache<Rc<u8>>>();
    is_shared::<CacheBuilder<Rc<u8>>>();
    is_shared::<Object<u8>>();
    is_shared::<CacheStats>();
    is_shared::<LiveObjects>();
    is_shared::<AllocError<u8>>();
    is_debug::<Cache<Cell<Counted<'_>>>>();
    is_debug::<CacheBuilder<Counted<'_>>>();
    is_debug::<Prefilled<'_, Counted<'_>>>();
    is_debug::<AllocError<Counted<'_>>>();
    assert_eq!(size_of::<Option<Object<[u8; 100]>>>(), size_of::<usize>());
}

#[test]
fn values_are_kept_and_dropped_once_wherever_their_object_goes() {
    const MANY: usize = if cfg!(miri) { 200 } else { 1000 };
    let alive = Cell::new(0);
    let cache = Cache::new().unwrap();
    let mut objects: Vec<_> =
        (0..MANY).map(|_| cache.alloc(Counted::new(&alive)).unwrap()).collect();
    let places: BTreeSet<_> = objects.iter().map(|object| Object::as_ptr(object).addr()).collect();
    assert_eq!((places.len(), alive.get()), (MANY, MANY));
    assert_eq!(cache.stats().live, MANY);

    objects.truncate(MANY - 100);
    let value = Object::into_inner(objects.pop().unwrap());
    assert_eq!((alive.get(), cache.stats().live), (MANY - 100, MANY - 101));
    drop(value);
    let raw = Object::into_raw(objects.pop().unwrap());
    assert_eq!((alive.get(), cache.stats().live), (MANY - 101, MANY - 101));
    drop(objects);
    assert_eq!((alive.get(), cache.stats().live), (1, 1));
    assert_eq!(cache.destroy().unwrap_err().count, 1);
    // SAFETY: from `into_raw`, once.
    drop(unsafe { Object::from_raw(raw) });
    assert_eq!(alive.get(), 0);
}

#[test]
fn an_empty_cache_is_destroyed_without_complaint() {
    let cache = Cache::<u64>::new().unwrap();
    assert_eq!(cache.destroy(), Ok(()));
    let cache = Cache::<u64>::new().unwrap();
    drop(cache.alloc(1).unwrap());
    assert_eq!(cache.destroy(), Ok(()), "what is cached is not alive");
}

#[test]
fn destroy_says_how_many_are_alive_and_they_live_on() {
    let cache = Cache::builder().name("leaky").build().unwrap();
    let objects: Vec<_> = (0..77).map(|i| cache.alloc(vec![i]).unwrap()).collect();
    drop(cache.alloc(vec![0]).unwrap());
    let left = cache.destroy().unwrap_err();
    assert_eq!((left.count, &*left.cache), (77, "leaky"));
    assert_eq!(
        left.to_string(),
        "77 objects of the cache \"leaky\" were alive when it was destroyed"
    );
    assert!(objects.iter().enumerate().all(|(i, object)| object[0] == i));
}

#[test]
fn values_of_no_size_have_places_of_their_own() {
    let alive = Cell::new(0);
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Nothing;
    let cache = Cache::new().unwrap();
    let objects: Vec<_> = (0..100).map(|_| cache.alloc(Nothing).unwrap()).collect();
    let places: HashSet<_> = objects.iter().map(Object::as_ptr).collect();
    assert_eq!((places.len(), *objects[99]), (100, Nothing));
    drop(objects);

    struct Dropped<'a, T>(&'a Cell<usize>, [T; 0]);
    impl<T> Drop for Dropped<'_, T> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let cache = Cache::new().unwrap();
    drop(cache.alloc(Dropped::<u128>(&alive, [])).unwrap());
    assert_eq!(alive.get(), 1);
}

#[test]
fn objects_lie_where_their_type_or_the_builder_asks() {
    #[repr(align(1024))]
    struct Far(u8);
    let cache = Cache::new().unwrap();
    let objects: Vec<_> = (0..50).map(|i| cache.alloc(Far(i)).unwrap()).collect();
    assert!(objects.iter().all(|object| Object::as_ptr(object).addr() % 1024 == 0));
    assert_eq!(objects[49].0, 49);

    let cache = Cache::<u8>::builder().align(64).build().unwrap();
    let objects: Vec<_> = (0..50).map(|i| cache.alloc(i).unwrap()).collect();
    assert!(objects.iter().all(|object| Object::as_ptr(object).addr() % 64 == 0));
    assert!(matches!(
        Cache::<u8>::builder().align(48).build(),
        Err(Error::Option { name: "align", value: 48, .. })
    ));
    assert!(matches!(Cache::<[u8; 4 << 20]>::new(), Err(Error::Layout { .. })));
    assert!(matches!(
        Cache::<u8>::builder().magazine(0).build(),
        Err(Error::Option { name: "magazine", value: 0, .. })
    ));
}

#[test]
fn a_panic_in_a_value_or_its_maker_frees_the_object() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("as it should");
        }
    }
    let cache = Cache::new().unwrap();
    let bomb = cache.alloc(Bomb).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(bomb))).is_err());
    assert_eq!(cache.stats().live, 0);
    let made = catch_unwind(AssertUnwindSafe(|| cache.alloc_with(|| panic!("as it should"))));
    assert!(made.is_err());
    assert_eq!(cache.stats().live, 0);
    let numbers = Cache::new().unwrap();
    let made = catch_unwind(AssertUnwindSafe(|| {
        numbers.alloc_bulk(9, |i| if i == 5 { panic!("as it should") } else { i })
    }));
    assert!(made.is_err());
    assert_eq!(numbers.stats().live, 0);
}

#[test]
fn a_panic_in_one_value_of_many_drops_and_frees_the_others() {
    struct Bomb<'a>(bool, #[allow(dead_code, reason = "dropped")] Counted<'a>);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            assert!(!self.0, "as it should");
        }
    }
    let alive = Cell::new(0);
    let cache = Cache::new().unwrap();
    let bombs = cache.alloc_bulk(100, |i| Bomb(i == 40, Counted::new(&alive))).unwrap();
    assert_eq!((alive.get(), cache.stats().live), (100, 100));
    assert!(catch_unwind(AssertUnwindSafe(|| free_bulk(bombs))).is_err());
    assert_eq!((alive.get(), cache.stats().live), (0, 0));
}

#[test]
fn the_value_comes_back_when_the_limit_is_reached() {
    let cache = Cache::builder().limit(10).build().unwrap();
    let mut objects: Vec<_> = (0..10).map(|i| cache.alloc(i.to_string()).unwrap()).collect();
    let failed = cache.alloc("one more".into()).unwrap_err();
    assert_eq!(failed.error(), &Error::LimitReached { limit: 10 });
    assert_eq!(failed.into_value(), "one more");
    assert_eq!(cache.alloc_with(|| unreachable!()), Err(Error::LimitReached { limit: 10 }));
    objects.pop();
    objects.push(cache.alloc("in its place".into()).unwrap());
    assert_eq!(&*objects[9], "in its place");
}

#[test]
fn bulk_is_all_or_nothing() {
    let cache = Cache::builder().limit(100).build().unwrap();
    let some = cache.alloc_bulk(60, |i| i).unwrap();
    assert!(some.iter().enumerate().all(|(i, object)| i == **object));
    assert_eq!(cache.alloc_bulk(41, |_| unreachable!()), Err(Error::LimitReached { limit: 100 }));
    assert_eq!(cache.stats().live, 60, "none of the 41 is left");
    let failed = cache.alloc_array([7; 41]).unwrap_err();
    assert_eq!((failed.into_value(), cache.stats().live), ([7; 41], 60));
    let others = cache.alloc_array([8; 40]).unwrap();
    assert!(others.iter().all(|object| **object == 8));
    free_bulk(some);
    free_bulk(others);
    assert_eq!(cache.stats().live, 0);
    assert!(cache.alloc_bulk(0, |_| unreachable!()).unwrap().is_empty());
    assert_eq!(cache.alloc_bulk(100, |i| i).unwrap().len(), 100, "all of them, cached or not");
}

#[test]
fn objects_of_several_caches_are_freed_together() {
    let caches: Vec<_> = (0..3).map(|_| Cache::new().unwrap()).collect();
    let objects: Vec<_> = (0..300).map(|i| caches[i / 7 % 3].alloc(i).unwrap()).collect();
    free_bulk(objects);
    assert!(caches.iter().all(|cache| cache.stats().live == 0));
    assert!(caches.into_iter().all(|cache| cache.destroy().is_ok()));
}

#[test]
fn what_was_set_aside_is_there_when_memory_is_not() {
    for count in [1, 5, 28, 60, 200] {
        let cache = Cache::<[u64; 16]>::builder().magazine(5).build().unwrap();
        let mut set_aside = cache.prefill(count).unwrap();
        // Neither slabs nor magazines have another.
        cache.flush().unwrap();
        cache.as_raw().fail_after(Some(0));
        let mut others = Vec::new();
        while let Ok(object) = cache.alloc([1; 16]) {
            others.push(object);
        }
        let objects: Vec<_> =
            (0..count).map(|i| set_aside.alloc([i as u64; 16]).unwrap()).collect();
        assert_eq!(set_aside.alloc([9; 16]).unwrap_err(), [9; 16], "and no more than that");
        assert!(objects.iter().enumerate().all(|(i, object)| object[15] == i as u64));
        assert!(matches!(set_aside.refill(1), Err(Error::OutOfMemory { .. })));
        cache.as_raw().fail_after(None);
        set_aside.refill(3).unwrap();
        cache.as_raw().fail_after(Some(0));
        assert!(set_aside.refill(100_000).is_err());
        assert_eq!(set_aside.len(), 3, "a refill that fails takes nothing away");
        drop(set_aside);
        drop((objects, others));
        assert_eq!(cache.stats().live, 0);
    }
}

#[test]
fn after_a_flush_nothing_is_cached() {
    let cache = Cache::<[u8; 100]>::new().unwrap();
    let many = if cfg!(miri) { 300 } else { 1000 };
    free_bulk(cache.alloc_bulk(many, |_| [0; 100]).unwrap());
    assert!(cache.stats().cached > 0);
    cache.flush().unwrap();
    let stats = cache.stats();
    assert_eq!((stats.cached, stats.live), (0, 0));
    assert!(stats.bytes > 0, "some empty slabs are kept");
    assert_eq!(cache.shrink().unwrap(), stats.bytes);
    let stats = cache.stats();
    assert_eq!((stats.bytes, stats.slabs, stats.spans, stats.total), (0, 0, 0, 0));
}

#[test]
fn drained_units_hold_nothing() {
    let cache = Cache::<u64>::new().unwrap();
    drop(cache.alloc(1).unwrap());
    assert!(cache.stats().cached > 0);
    for unit in Unit::all().unwrap() {
        cache.drain(unit).unwrap();
    }
    assert_eq!(cache.stats().cached, 0);
}

#[test]
fn a_unit_that_hotplug_drains_holds_nothing() {
    let cache = Cache::<u64>::new().unwrap();
    drop(cache.alloc(1).unwrap());
    assert!(cache.stats().cached > 0);
    for unit in Unit::all().unwrap() {
        hotplug::drain(unit).unwrap();
    }
    assert_eq!(cache.stats().cached, 0);
    drop(cache);
    for unit in Unit::all().unwrap() {
        hotplug::drain(unit).unwrap();
    }
}

#[test]
fn hits_and_misses_are_all_allocations() {
    let cache = Cache::<u64>::builder().count_hits(true).build().unwrap();
    let mut operations = 0;
    for round in 1..50_u64 {
        let objects: Vec<_> = (0..round * 7 % 90).map(|i| cache.alloc(i).unwrap()).collect();
        operations += objects.len() as u64;
        let many = cache.alloc_bulk(round as usize * 5 % 70, |i| i as u64).unwrap();
        operations += many.len() as u64;
        free_bulk(many);
    }
    let stats = cache.stats();
    assert_eq!(stats.hits.unwrap() + stats.misses, operations, "{stats}");
    assert!(stats.hits.unwrap() > stats.misses);
    assert_eq!(Cache::<u64>::new().unwrap().stats().hits, None, "not counted unasked");
}

#[test]
fn pairs_of_alloc_and_drop_hit() {
    let cache = Cache::<u64>::builder().count_hits(true).build().unwrap();
    let pairs = if cfg!(miri) { 300 } else { 10_000 };
    for i in 0..pairs {
        drop(cache.alloc(i).unwrap());
    }
    let stats = cache.stats();
    assert!(stats.hits.unwrap() > pairs - 100, "{stats}");
    assert!(stats.slabs <= 2, "{stats}");
}

#[test]
fn statistics_say_what_there_is() {
    let cache = Cache::<[u8; 200]>::builder().name("named").limit(5000).build().unwrap();
    let objects = cache.alloc_bulk(100, |_| [1; 200]).unwrap();
    let stats = cache.stats();
    assert_eq!((stats.name.as_str(), stats.object_size, stats.limit), ("named", 200, Some(5000)));
    assert_eq!(stats.live, 100);
    assert!(stats.total >= stats.live + stats.cached && stats.total <= 100 + 2 * 60 + 3 * 20);
    assert_eq!(stats.total, stats.slabs * stats.objects_per_slab);
    assert_eq!(stats.bytes, stats.slabs * (4096 << stats.order));
    assert!(stats.to_string().starts_with("named: 100 live, "), "{stats}");
    assert_eq!(stats.to_string().lines().count(), 2);
    assert!(Cache::<String>::new().unwrap().name().ends_with("String"));
    drop(objects);
}

#[cfg(feature = "serde")]
#[test]
fn statistics_survive_as_json() {
    let cache = Cache::<u64>::new().unwrap();
    let stats = cache.stats();
    let text = serde_json::to_string(&stats).unwrap();
    assert_eq!(serde_json::from_str::<CacheStats>(&text).unwrap(), stats);
}

#[test]
fn objects_are_what_their_values_are() {
    let cache = Cache::new().unwrap();
    let (a, b) = (cache.alloc("a".to_string()).unwrap(), cache.alloc("b".to_string()).unwrap());
    assert!(a < b && a == cache.alloc("a".into()).unwrap() && !Object::ptr_eq(&a, &b));
    assert_eq!(format!("{a} {a:?}"), "a \"a\"");
    assert!(format!("{a:p}").starts_with("0x"));
    let (set, text) = (HashSet::from([a]), String::from("a"));
    assert!(set.contains(&text), "borrowed as its value");
    let numbers = Cache::new().unwrap().alloc(0..5_u8).unwrap();
    assert_eq!((numbers.len(), numbers.rev().collect::<Vec<_>>()), (5, vec![4, 3, 2, 1, 0]));
    let error = Cache::new().unwrap().alloc(Error::LimitReached { limit: 1 }).unwrap();
    assert!(Box::<dyn std::error::Error + Send + Sync>::from(error).to_string().contains("limit"));
}

#[test]
fn a_value_may_use_the_cache_while_it_is_made_and_dropped() {
    struct Node<'a>(&'a Cache<Node<'a>>, u32);
    impl Drop for Node<'_> {
        fn drop(&mut self) {
            if self.1 > 0 {
                drop(self.0.alloc(Node(self.0, self.1 - 1)).unwrap_or_else(|_| unreachable!()));
            }
        }
    }
    let cache = Cache::builder().magazine(2).max_magazines(2).depot(1).build().unwrap();
    let node = cache
        .alloc_with(|| {
            drop(cache.alloc_with(|| Node(&cache, 3)));
            Node(&cache, 40)
        })
        .unwrap();
    drop(node);
    assert_eq!(cache.stats().live, 0);
}
