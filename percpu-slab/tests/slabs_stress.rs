//! Slabs in several threads: no object is two people's, and all are accounted for.
//!
//! # Safety
//!
//! Promises what `Slabs::new` asks for, and writes into objects that it was given.

#![cfg(all(target_os = "linux", not(percpu_loom)))]
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use percpu_slab::raw::{SPAN, SlabOptions, Slabs, Source};

mod common;
use common::scaled;

const SIZE: usize = 1024;

/// The words of an object.
///
/// # Safety
/// This thread was given it.
unsafe fn words<'a>(object: u64) -> &'a mut [u64] {
    let first = core::ptr::with_exposed_provenance_mut(object as usize);
    // SAFETY: the caller's promise; fresh memory is zero.
    unsafe { core::slice::from_raw_parts_mut(first, SIZE / 8) }
}

/// Marks all of an object as a thread's.
fn mark(object: u64, thread: u64) {
    // SAFETY: callers were given it.
    unsafe { words(object) }.fill(thread ^ object);
}

/// Whether it still is.
fn is_marked(object: u64, thread: u64) -> bool {
    // SAFETY: callers were given it.
    unsafe { words(object) }.iter().all(|&word| word == thread ^ object)
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }
}

fn slabs(limit: Option<usize>) -> Slabs {
    let layout = Layout::from_size_align(SIZE, 64).unwrap();
    let mut options = SlabOptions::default();
    options.limit = limit;
    options.min_partial = Some(1);
    // SAFETY: what it gives out is freed once.
    unsafe { Slabs::new(layout, options) }.unwrap()
}

/// Threads allocate, check and free what they and others have, while one shrinks; then
/// all is closed under them.
fn storm(limit: Option<usize>) {
    const THREADS: usize = 4;
    let slabs = slabs(limit);
    let (ends, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..THREADS).map(|_| mpsc::channel::<(u64, u64)>()).unzip();
    let left = thread::scope(|scope| {
        let ends = common::Over(&stop);
        let shrinker = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                slabs.shrink();
                thread::yield_now();
            }
        });
        let run = |me: usize, mine: mpsc::Receiver<(u64, u64)>, others: Vec<mpsc::Sender<_>>| {
            let mut random = Random(me as u64 + 1);
            let mut live: Vec<(u64, u64)> = Vec::new();
            for _ in 0..scaled(4_000) {
                let mut some = [0; 40];
                let count = random.below(40) + 1;
                match random.below(5) {
                    0 | 1 => {
                        let got = slabs.refill(&mut some[..count]).unwrap_or(0);
                        for &object in &some[..got] {
                            mark(object, me as u64);
                            live.push((object, me as u64));
                        }
                    }
                    2 => {
                        for _ in 0..count.min(live.len()) {
                            let object = live.swap_remove(random.below(live.len()));
                            let _ = others[random.below(THREADS)].send(object);
                        }
                        live.extend(mine.try_iter());
                    }
                    _ => {
                        let count = count.min(live.len());
                        for freed in &mut some[..count] {
                            let (object, by) = live.swap_remove(random.below(live.len()));
                            assert!(is_marked(object, by), "it was somebody else's as well");
                            mark(object, u64::MAX);
                            *freed = object;
                        }
                        assert!(!slabs.free(&some[..count]), "it is open");
                    }
                }
            }
            drop(others);
            live.extend(mine.iter());
            live
        };
        let threads: Vec<_> = receivers
            .into_iter()
            .enumerate()
            .map(|(me, mine)| {
                let others = senders.clone();
                scope.spawn(move || run(me, mine, others))
            })
            .collect();
        drop(senders);
        let left: Vec<Vec<(u64, u64)>> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        drop(ends);
        shrinker.join().unwrap();
        left
    });
    let live: usize = left.iter().map(Vec::len).sum();
    assert_eq!((slabs.stats().live, slabs.stats().double_frees), (live, 0));
    let mut told = 0;
    slabs.for_each(|_| told += 1);
    assert_eq!(told, live);
    // Closed while all of them are freed.
    thread::scope(|scope| {
        for mine in &left {
            scope.spawn(|| {
                for some in mine.chunks(3) {
                    let objects: Vec<u64> = some.iter().map(|&(object, _)| object).collect();
                    assert!(some.iter().all(|&(object, by)| is_marked(object, by)));
                    if slabs.free(&objects) {
                        ends.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        if slabs.close() {
            ends.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(ends.into_inner(), 1, "the end is told once");
    let stats = slabs.stats();
    assert_eq!((stats.slabs, stats.spans), (0, 0));
}

#[test]
fn no_object_is_two_threads_and_all_come_back() {
    storm(None);
}

#[test]
fn with_a_limit_no_object_is_two_threads_and_all_come_back() {
    storm(Some(500));
}

#[test]
fn a_limit_holds_against_threads() {
    let slabs = slabs(Some(64));
    let out = AtomicUsize::new(0);
    thread::scope(|scope| {
        for seed in 0..4 {
            let (slabs, out) = (&slabs, &out);
            scope.spawn(move || {
                let mut random = Random(seed);
                for _ in 0..scaled(20_000) {
                    let mut some = [0; 32];
                    let count = random.below(32) + 1;
                    let Ok(got) = slabs.refill(&mut some[..count]) else { continue };
                    assert!(out.fetch_add(got, Ordering::Relaxed) + got <= 64, "too many");
                    out.fetch_sub(got, Ordering::Relaxed);
                    slabs.free(&some[..got]);
                }
            });
        }
    });
    assert_eq!(slabs.refill(&mut [0; 64]), Ok(64));
}

#[test]
#[cfg_attr(miri, ignore = "asks what is resident")]
fn what_is_idle_costs_few_pages() {
    let slabs = slabs(None);
    let mut object = [0];
    slabs.refill(&mut object).unwrap();
    mark(object[0], 1);
    slabs.free(&object);
    let page = 4096;
    let mut resident = vec![0_u8; SPAN / page];
    let span = core::ptr::with_exposed_provenance_mut(object[0] as usize & !(SPAN - 1));
    // SAFETY: the span is mapped, and there is a byte for each of its pages.
    assert_eq!(unsafe { libc::mincore(span, SPAN, resident.as_mut_ptr()) }, 0);
    let resident = resident.iter().filter(|&&byte| byte & 1 != 0).count();
    assert!((1..=3).contains(&resident), "{resident} pages");
}
