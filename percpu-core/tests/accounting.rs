//! A program whose every allocation is accounted: exact, whoever allocates and when.
//!
//! # Safety
//!
//! Allocates in a constructor, a signal handler, destructors of threads and a forked
//! child; fetches blocks by hand.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;
#[path = "common/shadow.rs"]
mod shadow;

use std::alloc::{GlobalAlloc, System};
use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU64 as Std, Ordering::SeqCst};

use common::{Random, in_each_mode, scaled};
use percpu_core::atomic::AtomicU64;
use percpu_core::{AccountingAlloc, Error, Mode, PerCpu, Registration, percpu};
use shadow::{IN_HANDLERS, Inner, Outer, settled};

#[global_allocator]
static ALLOC: Outer = Outer(AccountingAlloc::new(Inner));

percpu! { static WORD: AtomicU64 = AtomicU64::new(0); }

/// What the constructor allocated, and by how much the figures rose.
static EARLY: AtomicPtr<[u8; EARLY_BYTES]> = AtomicPtr::new(std::ptr::null_mut());
static EARLY_ROSE: [Std; 3] = [const { Std::new(0) }; 3];
const EARLY_BYTES: usize = 12_345;

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn before_main() {
        let before = ALLOC.0.snapshot();
        EARLY.store(Box::into_raw(Box::new([7; EARLY_BYTES])), SeqCst);
        let after = ALLOC.0.snapshot();
        EARLY_ROSE[0].store(after.allocated_bytes - before.allocated_bytes, SeqCst);
        EARLY_ROSE[1].store(after.allocations - before.allocations, SeqCst);
        EARLY_ROSE[2].store(after.fallbacks - before.fallbacks, SeqCst);
    }
    before_main
};

/// What may be done in a handler, as `Inner` may: one block taken and given back.
fn take_and_give() {
    // SAFETY: not of size zero; given back once, as it was taken.
    let block = shadow::count(unsafe { ALLOC.0.alloc(IN_HANDLERS) }, 0, IN_HANDLERS.size());
    // SAFETY: as above.
    unsafe { ALLOC.0.dealloc(block, IN_HANDLERS) };
    shadow::count(block, IN_HANDLERS.size(), 0);
}

/// Vectors that grow, shrink, go and are freed by whichever thread finds them.
fn churn(seed: u64, times: u64) {
    static PASSED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for _ in 0..times {
        let size = 1 + random.next() as usize % (1 << (random.next() % 16));
        let nth = random.next() as usize % 32;
        match random.next() % 6 {
            0 => kept.push(Vec::with_capacity(size)),
            1 => kept.push(vec![0; size]),
            2 => kept.get_mut(nth).into_iter().for_each(|bytes| bytes.resize(size, 1)),
            3 => kept.get_mut(nth).into_iter().for_each(Vec::shrink_to_fit),
            4 if nth < kept.len() => drop(kept.swap_remove(nth)),
            _ => {
                let mut passed = PASSED.lock().unwrap();
                if passed.len() < 64 {
                    passed.extend(kept.pop())
                } else {
                    kept.extend(passed.pop())
                }
            }
        }
        kept.truncate(64);
    }
}

#[test]
fn sixteen_threads_in_a_storm_are_accounted_exactly() {
    in_each_mode("sixteen_threads_in_a_storm_are_accounted_exactly", || {
        percpu_core::init().unwrap();
        common::handle_sigusr1(take_and_give);
        let before = settled(&ALLOC);
        common::in_a_storm(16, |n| {
            // Registers the thread where that is done here: half of them.
            if n % 2 == 0 {
                WORD.inc();
            }
            churn(n as u64 + 1, scaled(30_000));
        });
        let after = settled(&ALLOC);
        let done = after.allocations - before.allocations;
        let beside = after.fallbacks - before.fallbacks;
        println!("{done} allocations, {beside} times counted in shared atomics");
        assert!(done > scaled(48_000));
        assert!(beside < after.deallocations - before.deallocations + done, "on words too");
    });
}

#[test]
fn what_is_allocated_before_main_counts_and_can_be_freed() {
    in_each_mode("what_is_allocated_before_main_counts_and_can_be_freed", || {
        let rose = EARLY_ROSE.each_ref().map(|count| count.load(SeqCst));
        assert_eq!(rose, [EARLY_BYTES as u64, 1, 1], "in shared atomics");
        percpu_core::init().unwrap();
        let before = settled(&ALLOC);
        // SAFETY: made by `Box::into_raw`, taken once.
        drop(unsafe { Box::from_raw(EARLY.swap(std::ptr::null_mut(), SeqCst)) });
        let after = settled(&ALLOC);
        assert_eq!(before.allocated_bytes - after.allocated_bytes, EARLY_BYTES as u64);
    });
}

#[test]
fn per_cpu_words_count_as_soon_as_they_are_there() {
    in_each_mode("per_cpu_words_count_as_soon_as_they_are_there", || {
        // The harness's own thread may allocate beside: until it does not.
        let undisturbed = || {
            let before = ALLOC.0.snapshot();
            (0..100).for_each(|n| drop(std::hint::black_box(vec![1_u8; n + 1])));
            let after = ALLOC.0.snapshot();
            let more = (
                after.allocations - before.allocations,
                after.total_bytes - before.total_bytes,
                after.allocated_bytes.wrapping_sub(before.allocated_bytes),
            );
            (more == (100, 5050, 0)).then(|| after.fallbacks - before.fallbacks)
        };
        let hundred = move || (0..50).find_map(|_| undisturbed()).expect("exact counts");
        assert_eq!(hundred(), 200, "before there is per-CPU memory");
        percpu_core::init().unwrap();
        // The thread is registered, where that is done here.
        WORD.inc();
        assert_eq!(hundred(), 0);
        let elsewhere = std::thread::spawn(hundred).join().unwrap();
        let mode = percpu_core::info().unwrap().mode();
        let alone = mode == Mode::Rseq(Registration::Own);
        assert_eq!(elsewhere, if alone { 200 } else { 0 }, "an allocator registers no thread");
        settled(&ALLOC);
    });
}

/// Allocates when the thread ends, and is itself an allocation.
struct AtTheEnd(Vec<u8>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let mut more = vec![1_u8; 100];
        more.extend_from_slice(&self.0);
        ENDED.fetch_add(more.len() as u64, SeqCst);
    }
}

static ENDED: Std = Std::new(0);

/// As late as it gets: a key's destructor, and once more in the next round.
extern "C" fn at_the_very_end(round: *mut libc::c_void) {
    drop(std::hint::black_box(vec![1_u8; 500]));
    ENDED.fetch_add(1, SeqCst);
    if round.addr() < 3 {
        set_round(round.addr() + 1);
    }
}

fn set_round(round: usize) {
    let key = *KEY.lock().unwrap();
    // SAFETY: the key was made; the value is a number.
    unsafe { libc::pthread_setspecific(key, std::ptr::without_provenance(round)) };
}

static KEY: Mutex<libc::pthread_key_t> = Mutex::new(0);

#[test]
fn threads_that_end_are_accounted_to_their_last_destructor() {
    thread_local! {
        static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }
    in_each_mode("threads_that_end_are_accounted_to_their_last_destructor", || {
        percpu_core::init().unwrap();
        // SAFETY: makes a key with a destructor of this program.
        unsafe { libc::pthread_key_create(&mut *KEY.lock().unwrap(), Some(at_the_very_end)) };
        settled(&ALLOC);
        for round in 0..20 {
            let threads: Vec<_> = (0..8)
                .map(|n| {
                    std::thread::spawn(move || {
                        if n % 2 == 0 {
                            WORD.inc();
                        }
                        set_round(1);
                        LAST.set(Some(AtTheEnd(vec![round; 50])));
                    })
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
        assert_eq!(ENDED.load(SeqCst), 20 * 8 * (150 + 3));
        settled(&ALLOC);
    });
}

/// Whether a child forked now counts exactly, from where its parent was.
fn a_child_counts() -> bool {
    // SAFETY: the child allocates, which libc and this crate allow, and leaves.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let before = ALLOC.0.snapshot();
        let kept: Vec<Vec<u8>> = (1..=200).map(|n| vec![1; n]).collect();
        // A list of 24 bytes each, and what is in it.
        let bytes = 200 * 24 + 20_100;
        let rose = ALLOC.0.snapshot().allocated_bytes - before.allocated_bytes;
        drop(kept);
        let after = ALLOC.0.snapshot();
        let good = rose == bytes
            && after.allocated_bytes == before.allocated_bytes
            && after.allocations - before.allocations == 201
            && after.deallocations - before.deallocations == 201;
        // SAFETY: ends the child, without the parent's destructors.
        unsafe { libc::_exit(i32::from(!good)) };
    }
    let mut status = -1;
    // SAFETY: waits for the child just made.
    unsafe { libc::waitpid(child, &mut status, 0) };
    status == 0
}

#[test]
fn a_forked_child_goes_on_counting_on_its_own() {
    in_each_mode("a_forked_child_goes_on_counting_on_its_own", || {
        assert!(a_child_counts(), "before per-CPU memory is there");
        percpu_core::init().unwrap();
        assert!(a_child_counts());
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let ends = common::Over(&over);
            for n in 1..4 {
                let over = &over;
                scope.spawn(move || {
                    while !over.load(SeqCst) {
                        churn(n, 100)
                    }
                });
            }
            let children = (0..20).filter(|_| a_child_counts()).count();
            drop(ends);
            assert_eq!(children, 20);
        });
        settled(&ALLOC);
    });
}

#[test]
fn an_allocation_that_fails_changes_nothing() {
    in_each_mode("an_allocation_that_fails_changes_nothing", || {
        percpu_core::init().unwrap();
        let mut bytes = vec![3_u8; 40];
        let before = settled(&ALLOC);
        bytes.try_reserve_exact(shadow::TOO_MUCH).unwrap_err();
        Vec::<u8>::new().try_reserve_exact(shadow::TOO_MUCH).unwrap_err();
        assert_eq!(bytes, [3; 40]);
        drop(bytes);
        let after = settled(&ALLOC);
        assert_eq!(after.allocations, before.allocations);
        assert_eq!(after.reallocations, before.reallocations);
        assert_eq!(before.allocated_bytes - after.allocated_bytes, 40);
    });
}

/// Also with per-CPU memory that is made, grown and freed meanwhile.
#[test]
fn the_cores_own_allocations_are_accounted_like_any() {
    in_each_mode("the_cores_own_allocations_are_accounted_like_any", || {
        settled(&ALLOC);
        for _ in 0..3 {
            let words: Vec<_> =
                (0..1_000).map(|_| PerCpu::<[AtomicU64; 64]>::zeroed().unwrap()).collect();
            words.iter().for_each(|word| word.at(0).inc());
            drop(words);
            percpu_core::balance().unwrap();
            println!("{}", percpu_core::stats().unwrap().nr_chunks);
        }
        settled(&ALLOC);
    });
}

#[test]
fn a_second_allocator_counts_by_itself() {
    percpu_core::init().unwrap();
    let second = AccountingAlloc::new(System);
    assert_eq!(second.set_limit(Some(1)), Err(Error::NotLimited));
    drop(std::hint::black_box(vec![1_u8]));
    // SAFETY: not of size zero.
    let block = unsafe { second.alloc(IN_HANDLERS) };
    // SAFETY: given back once, as it was taken.
    unsafe { second.dealloc(block, IN_HANDLERS) };
    let counted = second.snapshot();
    assert_eq!((counted.allocations, counted.deallocations, counted.fallbacks), (1, 1, 2));
    assert_eq!((counted.allocated_bytes, counted.total_bytes), (0, 96));
    assert_eq!((counted.limit, counted.charged_bytes), (None, None));
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_is_data() {
    let snapshot = ALLOC.0.snapshot();
    let text = serde_json::to_string(&snapshot).unwrap();
    let back: percpu_core::AccountingSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(back, snapshot);
}

#[test]
fn it_can_be_shared_and_sent() {
    fn both<T: Send + Sync>() {}
    both::<AccountingAlloc<System>>();
    both::<percpu_core::AccountingSnapshot>();
}
