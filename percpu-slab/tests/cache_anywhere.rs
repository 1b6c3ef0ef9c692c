//! Small and portable, so that Miri runs it too: caches under a few threads.
//!
//! # Safety
//!
//! Makes an object of a pointer that one was made into, once.

#![cfg(not(percpu_loom))]
#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use percpu_slab::{Cache, Object, free_bulk};

/// Counts those that are there.
struct Counted(Arc<AtomicUsize>, String);

impl Counted {
    fn new(count: &Arc<AtomicUsize>, text: String) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count), text)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert!(!self.1.is_empty());
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn threads_hand_objects_on_and_the_cache_goes_first() {
    let count = Arc::new(AtomicUsize::new(0));
    let cache = Cache::builder().magazine(3).depot(2).build().unwrap();
    let objects: Vec<Vec<Object<Counted>>> = thread::scope(|s| {
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (cache, count) = (&cache, &count);
                s.spawn(move || {
                    let new = |i| Counted::new(count, format!("{thread} {i}"));
                    let mut mine: Vec<_> = (0..20).map(|i| cache.alloc(new(i)).unwrap()).collect();
                    mine.extend(cache.alloc_bulk(7, new).unwrap());
                    free_bulk(mine.drain(5..15));
                    mine
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((count.load(Ordering::Relaxed), cache.stats().live), (51, 51));
    cache.flush().unwrap();
    assert_eq!(cache.destroy().unwrap_err().count, 51);
    thread::scope(|s| objects.into_iter().for_each(|objects| drop(s.spawn(|| drop(objects)))));
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[test]
fn one_thread_in_all_ways() {
    let cache = Cache::<Box<u64>>::new().unwrap();
    let mut set_aside = cache.prefill(3).unwrap();
    let a = set_aside.alloc(Box::new(1)).unwrap();
    let [b, c] = cache.alloc_array([2, 3].map(Box::new)).unwrap();
    drop(set_aside);
    assert_eq!((**a, **b), (1, 2));
    assert_eq!(*Object::into_inner(a), 1);
    let mut pinned = Object::pin(b);
    **pinned = 5;
    let raw = Object::into_raw(c);
    drop(cache);
    drop(pinned);
    // SAFETY: from `into_raw`, once.
    let c = unsafe { Object::from_raw(raw) };
    assert_eq!(**c, 3);
}
