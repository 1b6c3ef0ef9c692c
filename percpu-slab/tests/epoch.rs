//! Deferred free: no object is used again before its grace period, and none is lost.
//!
//! # Safety
//! A stack without locks whose nodes are read by pinned threads only, and freed by the
//! cache's deferred free.

#![cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
#![allow(unsafe_code)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize};
use std::sync::{Arc, Barrier};

use crossbeam_epoch::{self as epoch, Collector, Guard};
use percpu_core::Unit;
use percpu_slab::{Cache, Object};

/// A value that says how many of its kind were dropped.
struct Counted(#[allow(dead_code)] u64, Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_add(1, Relaxed);
    }
}

fn address<T>(object: &Object<T>) -> usize {
    Object::as_ptr(object).addr()
}

/// OC-06.
#[test]
fn an_object_is_not_used_again_before_its_grace_period() {
    const MANY: usize = if cfg!(miri) { 12 } else { 500 };
    let drops = Arc::new(AtomicUsize::new(0));
    let cache = Cache::<Counted>::builder().build().unwrap();
    let alloc = || cache.alloc(Counted(0, Arc::clone(&drops))).ok().unwrap();
    let ready = Barrier::new(2);
    std::thread::scope(|scope| {
        // Dropped if an assertion fails, so that the other thread ends.
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let ready = &ready;
        scope.spawn(move || {
            let _pinned = epoch::pin();
            ready.wait();
            let _ = wait.recv();
        });
        ready.wait();
        let waiting: BTreeSet<usize> = (0..MANY)
            .map(|_| {
                let object = alloc();
                let at = address(&object);
                cache.defer_drop(object, &epoch::pin());
                at
            })
            .collect();
        assert_eq!(waiting.len(), MANY, "one was used again");
        cache.flush().unwrap();
        for _ in 0..2 * MANY {
            epoch::pin().flush();
            assert!(!waiting.contains(&address(&alloc())));
        }
        assert_eq!((cache.deferred(), drops.load(Relaxed)), (MANY, 2 * MANY));
        drop(go_on);
        assert!(cache.deferred_barrier().unwrap());
        assert_eq!((cache.deferred(), drops.load(Relaxed)), (0, 3 * MANY));
        let again: Vec<_> = (0..MANY).map(|_| alloc()).collect();
        assert!(again.iter().any(|object| waiting.contains(&address(object))));
    });
    assert_eq!(cache.stats().live, 0);
    cache.destroy().unwrap();
    assert_eq!(drops.load(Relaxed), 4 * MANY);
}

/// The kernel's `test_kfree_rcu`.
#[test]
fn a_cache_with_deferred_objects_is_destroyed_without_a_report() {
    for hardened in [false, true] {
        let drops = Arc::new(AtomicUsize::new(0));
        let cache = Cache::<Counted>::builder().hardened(hardened).build().unwrap();
        let object = cache.alloc(Counted(1, Arc::clone(&drops))).ok().unwrap();
        cache.defer_drop(object, &epoch::pin());
        assert_eq!((cache.stats().live, cache.deferred()), (1, 1));
        if let Some(report) = cache.validate() {
            assert!(report.is_clean(), "{report}");
        }
        cache.destroy().unwrap();
        assert_eq!(drops.load(Relaxed), 1);
    }
}

/// The kernel's `test_kfree_rcu_wq_destroy`: ten times, by another thread, with delays.
#[test]
fn a_cache_is_destroyed_by_another_thread_while_objects_wait() {
    const EACH: usize = if cfg!(miri) { 10 } else { 50 };
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for round in 0..if cfg!(miri) { 2 } else { 10 } {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let delay = std::time::Duration::from_micros(random >> 54);
        let drops = Arc::new(AtomicUsize::new(0));
        let cache = Arc::new(Cache::<Counted>::builder().hardened(round % 2 == 0).build().unwrap());
        let defer = |cache: &Cache<Counted>| {
            let object = cache.alloc(Counted(round, Arc::clone(&drops))).ok().unwrap();
            cache.defer_drop(object, &epoch::pin());
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        defer(&cache);
                    }
                    std::thread::sleep(delay);
                    defer(&cache);
                });
            }
            defer(&cache);
        });
        let destroyed = std::thread::spawn(move || Arc::into_inner(cache).unwrap().destroy());
        destroyed.join().unwrap().unwrap();
        assert_eq!(drops.load(Relaxed), 2 * (EACH + 1) + 1);
    }
}

#[test]
fn a_cache_that_is_dropped_leaves_what_waits_to_the_epoch() {
    let drops = Arc::new(AtomicUsize::new(0));
    let cache = Cache::<Counted>::new().unwrap();
    {
        let guard = epoch::pin();
        for _ in 0..100 {
            let object = cache.alloc(Counted(0, Arc::clone(&drops))).ok().unwrap();
            cache.defer_drop(object, &guard);
        }
        assert!(!cache.deferred_barrier().unwrap(), "it would wait for itself");
        drop(cache);
        assert_eq!(drops.load(Relaxed), 0, "this thread is pinned");
    }
    while drops.load(Relaxed) < 100 {
        epoch::pin().flush();
    }
}

#[test]
fn what_waits_on_a_unit_goes_on_when_it_is_drained() {
    let drops = Arc::new(AtomicUsize::new(0));
    let cache = Cache::<Counted>::new().unwrap();
    let object = cache.alloc(Counted(0, Arc::clone(&drops))).ok().unwrap();
    cache.defer_drop(object, &epoch::pin());
    for unit in Unit::all().unwrap() {
        cache.drain(unit).unwrap();
    }
    while drops.load(Relaxed) == 0 {
        epoch::pin().flush();
    }
    assert_eq!(cache.deferred(), 0);
}

#[test]
fn another_collector_is_asked_for_each_object() {
    let drops = Arc::new(AtomicUsize::new(0));
    let cache = Cache::<Counted>::new().unwrap();
    let collector = Collector::new();
    let (reader, writer) = (collector.register(), collector.register());
    let pinned = reader.pin();
    // The usual epoch goes on meanwhile: a batch of its would be freed.
    for _ in 0..100 {
        let object = cache.alloc(Counted(0, Arc::clone(&drops))).ok().unwrap();
        cache.defer_drop(object, &writer.pin());
    }
    cache.flush().unwrap();
    assert_eq!(cache.deferred(), 0, "not the usual epoch's, which a barrier would wait for");
    assert!(cache.deferred_barrier().unwrap());
    assert_eq!(drops.load(Relaxed), 0, "the reader of that collector is pinned");
    drop(pinned);
    while drops.load(Relaxed) < 100 {
        writer.pin().flush();
    }
    cache.destroy().unwrap();
}

#[test]
fn an_object_of_another_cache_goes_back_to_it() {
    let (a, b) = (Cache::<u64>::new().unwrap(), Cache::<u64>::new().unwrap());
    let objects: Vec<_> = (0..200).map(|i| b.alloc(i).unwrap()).collect();
    for object in objects {
        a.defer_drop(object, &epoch::pin());
    }
    assert!(a.deferred_barrier().unwrap());
    assert_eq!(b.stats().live, 0);
    b.destroy().unwrap();
    a.destroy().unwrap();
}

#[test]
fn a_value_whose_drop_panics_keeps_nobody_else_waiting() {
    struct Touchy(u64, Arc<AtomicUsize>);
    impl Drop for Touchy {
        fn drop(&mut self) {
            self.1.fetch_add(1, Relaxed);
            assert!(self.0 % 7 != 3, "on purpose");
        }
    }
    for hardened in [false, true] {
        let drops = Arc::new(AtomicUsize::new(0));
        let cache = Cache::<Touchy>::builder().hardened(hardened).build().unwrap();
        for i in 0..20 {
            let object = cache.alloc(Touchy(i, Arc::clone(&drops))).ok().unwrap();
            cache.defer_drop(object, &epoch::pin());
        }
        cache.destroy().unwrap();
        assert_eq!(drops.load(Relaxed), 20);
    }
}

#[test]
fn a_double_deferred_free_is_found_by_a_hardened_cache() {
    let drops = Arc::new(AtomicUsize::new(0));
    let cache = Cache::<Counted>::builder().hardened(true).build().unwrap();
    let object = Object::into_raw(cache.alloc(Counted(0, Arc::clone(&drops))).ok().unwrap());
    for _ in 0..2 {
        // SAFETY: a mistake the second time, in a hardened cache.
        unsafe { cache.defer_free(object, &epoch::pin()) };
    }
    assert!(cache.deferred_barrier().unwrap());
    assert_eq!((drops.load(Relaxed), cache.validate().unwrap().reports()), (1, 2));
}

/// A list of nodes, each of which defers the next when it is dropped.
#[test]
fn a_long_list_whose_nodes_defer_each_other_does_not_need_a_long_stack() {
    struct Node {
        next: Option<Object<Node>>,
        cache: Arc<Cache<Node>>,
    }
    impl Drop for Node {
        fn drop(&mut self) {
            if let Some(next) = self.next.take() {
                self.cache.defer_drop(next, &epoch::pin());
            }
        }
    }
    let length = if cfg!(miri) { 40 } else { 20_000 };
    let cache = Arc::new(Cache::<Node>::new().unwrap());
    let mut list = None;
    for _ in 0..length {
        let node = Node { next: list.take(), cache: Arc::clone(&cache) };
        list = Some(cache.alloc(node).ok().unwrap());
    }
    let small = std::thread::Builder::new().stack_size(128 << 10);
    let theirs = Arc::clone(&cache);
    let drops = small.spawn(move || {
        drop(list);
        while Arc::strong_count(&theirs) > 2 {
            theirs.flush_deferred().unwrap();
            epoch::pin().flush();
        }
    });
    drops.unwrap().join().unwrap();
    assert_eq!(cache.deferred(), 0);
}

/// Many batches, all due at once, each of whose values defers another one when it is
/// dropped: what that hands over is not collected inside of the drop, on top of whose
/// stack the next batch would be released, and so on.
#[test]
fn values_that_defer_others_are_not_dropped_inside_of_each_other() {
    thread_local! {
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }
    static DEEPEST: AtomicUsize = AtomicUsize::new(0);
    struct Node {
        next: Option<Object<Node>>,
        cache: Arc<Cache<Node>>,
    }
    impl Drop for Node {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() + 1);
            DEEPEST.fetch_max(DEPTH.get(), Relaxed);
            if let Some(next) = self.next.take() {
                self.cache.defer_drop(next, &epoch::pin());
            }
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    let cache = Arc::new(Cache::<Node>::new().unwrap());
    let node = |next| {
        let node = Node { next, cache: Arc::clone(&cache) };
        cache.alloc(node).ok().unwrap()
    };
    // As long as this thread is pinned here, nothing of it is due.
    let pinned = epoch::pin();
    for _ in 0..if cfg!(miri) { 100 } else { 6000 } {
        cache.defer_drop(node(Some(node(None))), &epoch::pin());
    }
    drop(pinned);
    while cache.deferred() > 0 {
        assert!(cache.deferred_barrier().unwrap());
    }
    assert_eq!((DEEPEST.load(Relaxed), Arc::strong_count(&cache)), (1, 1));
}

/// A stack without locks.
struct Stack {
    head: AtomicPtr<Node>,
    nodes: Cache<Node>,
}

struct Node {
    value: u64,
    next: AtomicPtr<Node>,
    /// Whether the value may still be read.
    sound: AtomicU64,
}

const SOUND: u64 = 0x50_0e_d0;

impl Drop for Node {
    fn drop(&mut self) {
        self.sound.store(0, Relaxed);
    }
}

impl Stack {
    fn push(&self, value: u64) {
        let next = AtomicPtr::new(null_mut());
        let node = Node { value, next, sound: AtomicU64::new(SOUND) };
        let node = Object::into_raw(self.nodes.alloc(node).expect("no limit"));
        let mut head = self.head.load(Relaxed);
        loop {
            // SAFETY: it is not pushed yet.
            unsafe { &*node }.next.store(head, Relaxed);
            match self.head.compare_exchange_weak(head, node, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn pop(&self, guard: &Guard) -> Option<u64> {
        loop {
            let head = self.head.load(Acquire);
            // SAFETY: pinned, so a node that was reachable is there.
            let node = unsafe { head.as_ref() }?;
            let next = node.next.load(Relaxed);
            if self.head.compare_exchange(head, next, Acquire, Relaxed).is_ok() {
                let value = node.value;
                assert_eq!(node.sound.load(Relaxed), SOUND, "freed before its time");
                // SAFETY: it was taken out, by this thread.
                unsafe { self.nodes.defer_free(head, guard) };
                return Some(value);
            }
        }
    }

    /// What a reader sees: all values from the top.
    fn sum(&self, _pinned: &Guard) -> u64 {
        let mut sum = 0u64;
        let mut at = self.head.load(Acquire);
        // SAFETY: as in `pop`.
        while let Some(node) = unsafe { at.as_ref() } {
            assert_eq!(node.sound.load(Relaxed), SOUND, "freed before its time");
            sum = sum.wrapping_add(node.value);
            at = node.next.load(Acquire);
        }
        sum
    }
}

#[test]
fn a_stack_without_locks_loses_nothing_and_reads_nothing_that_was_freed() {
    for hardened in [false, true] {
        let nodes = Cache::builder().hardened(hardened).build().unwrap();
        let stack = Stack { head: AtomicPtr::new(null_mut()), nodes };
        let rounds = match (cfg!(miri), hardened) {
            (true, _) => 12,
            (false, true) => 4000,
            (false, false) => 30_000,
        };
        let (popped, done) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..3)
                .map(|worker| {
                    let (stack, popped) = (&stack, &popped);
                    scope.spawn(move || {
                        for round in 0..rounds {
                            stack.push(worker * rounds + round + 1);
                            if round % 3 > 0 {
                                let value = stack.pop(&epoch::pin()).unwrap_or(0);
                                popped.fetch_add(value, Relaxed);
                            }
                            if round % 64 == 0 {
                                stack.nodes.flush_deferred().unwrap();
                            }
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    stack.sum(&epoch::pin());
                    let pinned = epoch::pin();
                    std::thread::yield_now();
                    drop(pinned);
                }
            });
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            done.store(true, Relaxed);
        });
        let mut left = 0;
        while let Some(value) = stack.pop(&epoch::pin()) {
            left += value;
        }
        let all = 3 * rounds;
        assert_eq!(popped.into_inner() + left, all * (all + 1) / 2, "lost, or popped twice");
        if let Some(report) = stack.nodes.validate() {
            assert!(report.is_clean(), "{report}");
        }
        stack.nodes.destroy().unwrap();
    }
}
