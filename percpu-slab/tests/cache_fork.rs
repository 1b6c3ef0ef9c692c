//! Caches and pools in a child that was forked.
//!
//! # Safety
//!
//! Forks, waits, and leaves the child by `_exit`.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use common::{in_each_mode, scaled};
use percpu_slab::{Cache, Object, Pool, free_bulk};

/// Runs `f` in a forked child; whether it returned in time and did not panic.
fn in_a_fork(f: impl FnOnce()) -> bool {
    // SAFETY: the child uses only what the tests are about, and leaves by `_exit`.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork"),
        0 => {
            // SAFETY: a system call; a child that hangs is killed.
            unsafe { libc::alarm(20) };
            let code = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
                Ok(()) => 0,
                Err(_) => 1,
            };
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(code) }
        }
        child => {
            let mut status = 0;
            // SAFETY: waits for that child; the status is a local.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        }
    }
}

fn use_it(cache: &Cache<Vec<u64>>, mut objects: Vec<Object<Vec<u64>>>) {
    objects.extend(cache.alloc_bulk(3000, |i| vec![i as u64]).unwrap());
    assert!(objects.iter().all(|object| object.len() == 1));
    let live = cache.stats().live;
    free_bulk(objects.drain(..1000));
    drop(objects);
    assert!(cache.stats().live < live);
    cache.shrink().unwrap();
}

/// Getting and giving back waits for nobody, so also not for who is not there.
#[test]
fn a_child_of_a_busy_process_goes_on_with_its_pools() {
    in_each_mode("a_child_of_a_busy_process_goes_on_with_its_pools", || {
        let pool = Pool::builder(|| vec![7_u64; 4]).magazine(4).depot(2).build().unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let ends = common::Over(&over);
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Relaxed) {
                        let values: Vec<_> = (0..20).map(|_| pool.get()).collect();
                        assert!(values.iter().all(|value| **value == [7; 4]));
                    }
                });
            }
            let children = (0..scaled(10)).all(|_| {
                in_a_fork(|| {
                    for round in 0..50 {
                        let mut values: Vec<_> = (0..40).map(|_| pool.get()).collect();
                        for (i, value) in values.iter_mut().enumerate() {
                            assert_eq!(**value, [7; 4], "somebody else has it");
                            value.fill(round * 100 + i as u64);
                        }
                        for (i, value) in values.iter_mut().enumerate() {
                            assert_eq!(**value, [round * 100 + i as u64; 4], "two have one");
                            value.fill(7);
                        }
                    }
                })
            });
            drop(ends);
            assert!(children, "a child hung, or found what it should not");
        });
    });
}

#[test]
fn a_child_of_a_process_with_one_thread_goes_on_with_its_caches() {
    in_each_mode("a_child_of_a_process_with_one_thread_goes_on_with_its_caches", || {
        let cache = Cache::new().unwrap();
        let objects = cache.alloc_bulk(100, |i| vec![i as u64]).unwrap();
        assert!(in_a_fork(|| {
            use_it(&cache, objects);
            let new = Cache::new().unwrap();
            use_it(&new, Vec::new());
            assert!(new.destroy().is_ok());
        }));
        use_it(&cache, Vec::new());
    });
}
