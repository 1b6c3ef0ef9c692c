//! This program runs under a `PerCpuAlloc`: all that the harness, std and these tests
//! allocate comes from it, in each mode.
//!
//! # Safety
//!
//! Watches a global allocator, fetches blocks by hand and writes to what it got; forks;
//! asks libc for a key and its destructor.

#![cfg(all(target_os = "linux", target_pointer_width = "64", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;

use common::{Random, in_a_storm, in_child, in_each_mode, scaled};
use percpu_slab::PerCpuAlloc;
use proptest::prelude::*;

/// Tells what allocates inside an allocation.
struct Watched(PerCpuAlloc);

#[global_allocator]
static ALLOC: Watched = Watched(PerCpuAlloc::new());

static NESTED: AtomicUsize = AtomicUsize::new(0);

impl Watched {
    fn watch<R>(f: impl FnOnce() -> R) -> R {
        thread_local! {
            static INSIDE: Cell<bool> = const { Cell::new(false) };
        }
        if INSIDE.replace(true) {
            NESTED.fetch_add(1, Ordering::Relaxed);
        }
        let result = f();
        INSIDE.set(false);
        result
    }
}

// SAFETY: passes each request on, and watches.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        Self::watch(|| unsafe { self.0.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        Self::watch(|| unsafe { self.0.dealloc(block, layout) });
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        Self::watch(|| unsafe { self.0.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: passed on.
        Self::watch(|| unsafe { self.0.realloc(block, layout, size) })
    }
}

fn nothing_was_nested() {
    assert_eq!(NESTED.load(Ordering::Relaxed), 0, "allocations inside an allocation");
}

/// A block fetched by hand, filled with a pattern of its own.
struct Block {
    at: *mut u8,
    layout: Layout,
    seed: u8,
}

// SAFETY: an owner of memory.
unsafe impl Send for Block {}

impl Block {
    fn new(size: usize, align: usize, zeroed: bool, seed: u8) -> Option<Self> {
        let layout = Layout::from_size_align(size, align).unwrap();
        let at = match zeroed {
            // SAFETY: not of size 0.
            false => unsafe { ALLOC.alloc(layout) },
            // SAFETY: as above.
            true => unsafe { ALLOC.alloc_zeroed(layout) },
        };
        if at.is_null() {
            return None;
        }
        assert!(at.addr().is_multiple_of(align), "{layout:?} at {at:?}");
        let block = Self { at, layout, seed };
        if zeroed {
            for at in Self::places(size) {
                // SAFETY: inside, and initialised.
                let found = unsafe { block.at.wrapping_add(at).read() };
                assert_eq!(found, 0, "{layout:?} at {at}");
            }
        }
        block.fill();
        Some(block)
    }

    fn byte(&self, at: usize) -> u8 {
        self.seed.wrapping_add((at ^ at >> 8) as u8)
    }

    /// Where it is looked at: everywhere at its ends, here and there in large ones.
    fn places(len: usize) -> impl Iterator<Item = usize> {
        (0..len.min(64)).chain(len.saturating_sub(64)..len).chain((0..len).step_by(509))
    }

    fn fill(&self) {
        for at in Self::places(self.layout.size()) {
            // SAFETY: inside.
            unsafe { self.at.wrapping_add(at).write(self.byte(at)) };
        }
    }

    fn check(&self, len: usize) {
        for at in (0..len.min(64)).chain((0..len).step_by(509)) {
            // SAFETY: inside, and filled.
            let found = unsafe { self.at.wrapping_add(at).read() };
            assert_eq!(found, self.byte(at), "{:?} was changed at {at}", self.layout);
        }
    }

    fn resize(&mut self, size: usize) {
        // SAFETY: the block of that layout; not of size 0.
        let moved = unsafe { ALLOC.realloc(self.at, self.layout, size) };
        assert!(!moved.is_null() && moved.addr().is_multiple_of(self.layout.align()));
        let kept = self.layout.size().min(size);
        self.at = moved;
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        self.check(kept);
        self.fill();
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check(self.layout.size());
        let last = self.layout.size() - 1;
        // SAFETY: inside, and filled.
        let found = unsafe { self.at.wrapping_add(last).read() };
        assert_eq!(found, self.byte(last), "{:?}", self.layout);
        // SAFETY: the block of that layout, for the last time.
        unsafe { ALLOC.dealloc(self.at, self.layout) };
    }
}

/// What a program does: collections, strings, boxes.
fn a_program(seed: u64) {
    let mut random = Random(seed | 1);
    let mut names = HashMap::new();
    let mut by_number = BTreeMap::new();
    let mut queue = VecDeque::new();
    for n in 0..500_u64 {
        let name = format!("{}-{n}", random.next());
        by_number.insert(random.next(), name.clone());
        queue.push_back(vec![n; (random.next() % 300) as usize].into_boxed_slice());
        names.insert(name, n);
        if queue.len() > 50 {
            let old = queue.pop_front().unwrap();
            assert!(old.iter().all(|&word| word == n - 50));
        }
    }
    let mut seen: Vec<_> = by_number.values().map(|name| names[name]).collect();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..500));
    let text: String = by_number.into_values().collect();
    assert_eq!(text.len(), names.keys().map(String::len).sum::<usize>());
}

#[test]
fn a_std_program_runs_under_it() {
    in_each_mode("a_std_program_runs_under_it", || {
        a_program(1);
        ALLOC.0.init().unwrap();
        ALLOC.0.init().unwrap();
        thread::scope(|s| {
            for n in 0..4 {
                s.spawn(move || (0..scaled(5)).for_each(|turn| a_program(n + 10 * turn)));
            }
        });
        let stats = ALLOC.0.stats();
        assert!(stats.magazines && stats.live() > 0 && stats.bytes() > stats.live_bytes());
        assert!(stats.classes.iter().any(|class| class.cached > 0), "{stats}");
        nothing_was_nested();
    });
}

/// What a list of requests may ask for.
#[derive(Clone, Debug)]
enum Request {
    Alloc { size: usize, align_log2: u32, zeroed: bool },
    Free { which: usize },
    Resize { which: usize, size: usize },
    Shrink,
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 1..1_100_usize, 3 => 1_000..40_000_usize, 1 => 32_000..600_000_usize]
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let aligns = prop_oneof![8 => 0..5_u32, 2 => 5..13_u32, 1 => 13..22_u32];
    let request = prop_oneof![
        8 => (sizes(), aligns, any::<bool>())
            .prop_map(|(size, align_log2, zeroed)| Request::Alloc { size, align_log2, zeroed }),
        5 => any::<usize>().prop_map(|which| Request::Free { which }),
        4 => (any::<usize>(), sizes()).prop_map(|(which, size)| Request::Resize { which, size }),
        1 => Just(Request::Shrink),
    ];
    proptest::collection::vec(request, 1..120)
}

fn follow(requests: Vec<Request>) {
    let mut blocks: Vec<Block> = Vec::new();
    for (seed, request) in requests.into_iter().enumerate() {
        match request {
            Request::Alloc { size, align_log2, zeroed } => {
                let block = Block::new(size, 1 << align_log2, zeroed, seed as u8).unwrap();
                let (from, to) = (block.at.addr(), block.at.addr() + size);
                for other in &blocks {
                    let start = other.at.addr();
                    assert!(to <= start || start + other.layout.size() <= from, "two in one place");
                }
                blocks.push(block);
            }
            Request::Free { which } if !blocks.is_empty() => {
                blocks.swap_remove(which % blocks.len());
            }
            Request::Resize { which, size } if !blocks.is_empty() => {
                let at = which % blocks.len();
                blocks[at].resize(size);
            }
            Request::Shrink => {
                ALLOC.0.shrink();
            }
            _ => {}
        }
    }
}

#[test]
fn blocks_keep_what_is_written_and_their_alignment() {
    let config = || ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) };
    in_each_mode("blocks_keep_what_is_written_and_their_alignment", || {
        proptest!(config(), |(list in requests())| follow(list));
        ALLOC.0.init().unwrap();
        proptest!(config(), |(list in requests())| follow(list));
        nothing_was_nested();
    });
}

#[test]
fn every_size_and_alignment_is_served() {
    in_child("every_size_and_alignment_is_served", &[], || {
        for init in [false, true] {
            if init {
                ALLOC.0.init().unwrap();
            }
            for align in (0..=21).map(|log2| 1_usize << log2) {
                for size in [1, 7, 8, 9, 24, 33, 100, 4095, 4096, 32768, 32769, 3 << 20] {
                    let pair = [false, true].map(|zeroed| Block::new(size, align, zeroed, 3));
                    assert!(pair.iter().all(Option::is_some), "{size} at {align}");
                }
            }
        }
        nothing_was_nested();
    });
}

#[test]
fn what_one_thread_frees_another_allocates() {
    in_each_mode("what_one_thread_frees_another_allocates", || {
        ALLOC.0.init().unwrap();
        let mut bytes = Vec::new();
        for _ in 0..3 {
            let (to, from) = mpsc::sync_channel::<Block>(64);
            let consumer = thread::spawn(move || from.iter().count());
            let total = scaled(4_000) as usize;
            for n in 0..total {
                to.send(Block::new(1 + n % 700, 8, false, n as u8).unwrap()).unwrap();
            }
            drop(to);
            assert_eq!(consumer.join().unwrap(), total);
            bytes.push(ALLOC.0.stats().bytes());
        }
        // Without a way back each round would take as much again.
        assert!(bytes[2] < bytes[0] + (4 << 20), "{bytes:?}");
        nothing_was_nested();
    });
}

#[test]
fn thousands_of_threads_leave_nothing_behind() {
    in_each_mode("thousands_of_threads_leave_nothing_behind", || {
        ALLOC.0.init().unwrap();
        let round = |threads: u64| {
            for _ in 0..threads / 20 {
                thread::scope(|s| {
                    for n in 0..20 {
                        s.spawn(move || {
                            let blocks: Vec<_> =
                                (1..20).map(|k| Block::new(64 * k, 8, false, n).unwrap()).collect();
                            drop(blocks);
                        });
                    }
                });
            }
            ALLOC.0.stats()
        };
        let before = round(200);
        let after = round(scaled(1_000));
        assert!(after.live() <= before.live() + 50, "{before}\n{after}");
        assert!(after.bytes() <= before.bytes() + (4 << 20), "{before}\n{after}");
        nothing_was_nested();
    });
}

/// A key whose destructor allocates, and asks to be called again as often as it may.
fn allocates_until_the_end() {
    static KEY: AtomicU64 = AtomicU64::new(0);
    extern "C" fn at_exit(block: *mut libc::c_void) {
        // SAFETY: what this function's caller, or itself, left there.
        drop(unsafe { Box::from_raw(block.cast::<[u64; 9]>()) });
        leave(3);
    }
    fn leave(word: u64) {
        let key = KEY.load(Ordering::Acquire) as libc::pthread_key_t - 1;
        let block = Box::into_raw(Box::new([word; 9]));
        // SAFETY: a key of this process.
        unsafe { libc::pthread_setspecific(key, block.cast()) };
    }
    if KEY.load(Ordering::Acquire) == 0 {
        let mut key = 0;
        // SAFETY: makes a key.
        assert_eq!(unsafe { libc::pthread_key_create(&mut key, Some(at_exit)) }, 0);
        KEY.store(u64::from(key) + 1, Ordering::Release);
    }
    thread_local! {
        static LAST: Cell<Vec<Block>> = const { Cell::new(Vec::new()) };
    }
    let mut pending = [0; 4];
    for n in 0..scaled(200) {
        thread::spawn(move || {
            // Registered, where the core does that: unregistered again while the
            // destructors run.
            percpu_core::Unit::current().unwrap();
            leave(n);
            LAST.set((1..40).map(|k| Block::new(k * 30, 8, false, 1).unwrap()).collect());
        })
        .join()
        .unwrap();
        pending[n as usize % 4] = n;
    }
}

#[test]
fn threads_allocate_until_their_last_instruction() {
    in_each_mode("threads_allocate_until_their_last_instruction", || {
        ALLOC.0.init().unwrap();
        allocates_until_the_end();
        nothing_was_nested();
    });
}

#[test]
fn threads_without_restartable_sequences_are_served() {
    in_child("threads_without_restartable_sequences_are_served", &[], || {
        ALLOC.0.init().unwrap();
        if !percpu_core::info().unwrap().mode().is_rseq() || !common::libc_registers() {
            return;
        }
        thread::scope(|s| {
            for n in 0..4 {
                s.spawn(move || {
                    if n % 2 == 0 {
                        assert!(common::leave_rseq());
                    }
                    (0..scaled(4)).for_each(|turn| a_program(n + 10 * turn));
                });
            }
        });
        nothing_was_nested();
    });
}

/// LLVM's unwinder, that of musl targets, takes a panic's exception for one at a multiple
/// of 16, which the standard library did not ask for.
#[test]
fn a_panic_of_a_thread_is_caught() {
    in_each_mode("a_panic_of_a_thread_is_caught", || {
        ALLOC.0.init().unwrap();
        let kept: Vec<_> = (0..20_u8)
            .map(|n| thread::spawn(move || panic!("{n}")).join().unwrap_err())
            // What it lay in is taken, so that the next lies elsewhere.
            .map(|panic| (panic, std::hint::black_box(Box::new([0_u64; 7]))))
            .collect();
        for (n, (panic, _)) in kept.iter().enumerate() {
            assert_eq!(panic.downcast_ref::<String>(), Some(&n.to_string()));
        }
        nothing_was_nested();
    });
}

#[test]
fn the_first_use_of_all_comes_while_others_allocate() {
    in_each_mode("the_first_use_of_all_comes_while_others_allocate", || {
        let go = Barrier::new(6);
        thread::scope(|s| {
            for n in 0..4 {
                let go = &go;
                s.spawn(move || {
                    go.wait();
                    (0..scaled(5)).for_each(|turn| a_program(n + 10 * turn));
                });
            }
            for _ in 0..2 {
                s.spawn(|| {
                    go.wait();
                    ALLOC.0.init().unwrap();
                });
            }
        });
        assert!(ALLOC.0.stats().magazines);
        nothing_was_nested();
    });
}

#[test]
fn per_cpu_memory_is_used_and_made_under_it() {
    in_each_mode("per_cpu_memory_is_used_and_made_under_it", || {
        ALLOC.0.init().unwrap();
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..scaled(300) {
                        let counts =
                            percpu_core::PerCpuSlice::<percpu_core::atomic::AtomicU64>::zeroed(40)
                                .unwrap();
                        counts.at(7).inc();
                        assert_eq!(counts.at(7).sum(), 1);
                        let _ = percpu_core::balance();
                    }
                });
            }
        });
        nothing_was_nested();
    });
}

/// Blocks of each class and a few mappings; whether all could be had.
fn some_of_each() -> bool {
    let sizes = (0..13).map(|log2| 12_usize << log2).chain([70_000, 300_000]);
    let blocks: Vec<_> = sizes.map(|size| Block::new(size, 8, false, 5)).collect();
    blocks.iter().all(Option::is_some)
}

#[test]
fn a_forked_child_allocates_at_once() {
    in_each_mode("a_forked_child_allocates_at_once", || {
        let over = AtomicBool::new(false);
        thread::scope(|s| {
            for n in 0..4 {
                let over = &over;
                s.spawn(move || {
                    let mut random = Random(n + 1);
                    while !over.load(Ordering::Relaxed) {
                        assert!(some_of_each());
                        if random.next().is_multiple_of(8) {
                            ALLOC.0.shrink();
                        }
                    }
                });
            }
            let _over = common::Over(&over);
            for turn in 0..scaled(16) {
                if turn == scaled(16) / 2 {
                    ALLOC.0.init().unwrap();
                }
                // SAFETY: the child allocates, which is what this is about, and ends.
                let child = unsafe { libc::fork() };
                assert!(child >= 0);
                if child == 0 {
                    // SAFETY: ends a child that hangs.
                    unsafe { libc::alarm(20) };
                    let served = (0..50).all(|_| some_of_each());
                    let threads = thread::spawn(some_of_each).join().unwrap_or(false);
                    ALLOC.0.shrink();
                    // SAFETY: ends this child.
                    unsafe { libc::_exit(i32::from(!(served && threads))) };
                }
                let mut status = 0;
                // SAFETY: waits for this child.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status}");
            }
        });
        nothing_was_nested();
    });
}

#[test]
fn memory_that_runs_out_is_null_and_comes_back() {
    in_child("memory_that_runs_out_is_null_and_comes_back", &[], || {
        ALLOC.0.init().unwrap();
        let mut blocks = Vec::with_capacity(100_000);
        let room = libc::rlimit { rlim_cur: 300 << 20, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: limits this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &room) }, 0);
        assert!(Block::new(1 << 40, 8, false, 0).is_none());
        for size in [20_000, 200_000, 9_000_000] {
            for _ in 0..blocks.capacity() {
                match Block::new(size, 8, false, 1) {
                    Some(block) => blocks.push(block),
                    None => break,
                }
            }
            assert!((10..blocks.capacity()).contains(&blocks.len()), "{}", blocks.len());
            let mut last = blocks.pop().unwrap();
            // SAFETY: the block of that layout.
            let larger = unsafe { ALLOC.realloc(last.at, last.layout, 1 << 40) };
            assert!(larger.is_null());
            last.check(size);
            if size > 100_000 {
                // In place.
                last.resize(size / 2);
            }
            drop(last);
            blocks.clear();
            ALLOC.0.shrink();
        }
        nothing_was_nested();
    });
}

#[test]
fn statistics_are_exact_and_what_is_free_is_given_back() {
    in_each_mode("statistics_are_exact_and_what_is_free_is_given_back", || {
        // A size that nobody else has here.
        const SIZE: usize = 20 << 10;
        let of_class = |stats: &percpu_slab::AllocStats| {
            stats.classes.iter().find(|class| class.size == SIZE).copied().unwrap_or_default()
        };
        ALLOC.0.init().unwrap();
        let blocks: Vec<_> = (0..100).map(|n| Block::new(SIZE, 8, false, n).unwrap()).collect();
        let large: Vec<_> = (0..10).map(|n| Block::new(1 << 20, 8, false, n).unwrap()).collect();
        let full = ALLOC.0.stats();
        let class = of_class(&full);
        assert_eq!(class.live, 100, "{full}");
        assert!(class.bytes >= 100 * SIZE && full.large.live >= 10);
        drop(blocks);
        drop(large);
        let free = ALLOC.0.stats();
        assert_eq!(of_class(&free).live, 0, "{free}");
        assert!(of_class(&free).cached > 0 && free.large.cached >= 10, "{free}");
        let given = ALLOC.0.shrink();
        let least = ALLOC.0.stats();
        assert!(given >= 10 << 20, "{given}");
        assert_eq!((of_class(&least).cached, of_class(&least).slabs), (0, 0), "{least}");
        assert_eq!(least.large.cached, 0);
        let text = least.to_string();
        assert!(text.contains("blocks of") && !text.contains("no magazines"), "{text}");
        assert!(format!("{:?}", ALLOC.0).contains("LargeStats"));
        nothing_was_nested();
    });
}

#[test]
fn a_value_that_is_no_static_works_too() {
    let alloc = PerCpuAlloc::default();
    assert_eq!(alloc.stats(), percpu_slab::AllocStats::default());
    assert_eq!(alloc.shrink(), 0);
    let layout = Layout::new::<[u64; 5]>();
    // SAFETY: not of size 0.
    let block = unsafe { alloc.alloc(layout) };
    let moved = alloc;
    moved.init().unwrap();
    assert_eq!(moved.stats().live(), 1);
    // SAFETY: of this allocator, wherever that lies now.
    unsafe { moved.dealloc(block, layout) };
    assert_eq!(moved.stats().live(), 0);
}

static HANDLED: AtomicPtr<percpu_core::PerCpu<percpu_core::atomic::AtomicU64>> =
    AtomicPtr::new(std::ptr::null_mut());

#[test]
fn nothing_is_lost_or_shared_in_a_storm() {
    in_each_mode("nothing_is_lost_or_shared_in_a_storm", || {
        ALLOC.0.init().unwrap();
        let counts = percpu_core::PerCpu::zeroed().unwrap();
        HANDLED.store(Box::leak(Box::new(counts)), Ordering::Release);
        common::handle_sigusr1(|| {
            // SAFETY: leaked above.
            unsafe { &*HANDLED.load(Ordering::Acquire) }.inc();
        });
        let (to, from): (Vec<_>, Vec<_>) = (0..8).map(|_| mpsc::sync_channel::<Block>(200)).unzip();
        let from: Vec<_> = from.into_iter().map(std::sync::Mutex::new).collect();
        in_a_storm(8, |n| {
            let mut random = Random(n as u64 + 1);
            let mut mine: Vec<Block> = Vec::new();
            for turn in 0..scaled(4_000) {
                let size = match random.next() % 50 {
                    0 => 1 + random.next() % 100_000,
                    1..10 => 1 + random.next() % 5_000,
                    _ => 1 + random.next() % 500,
                };
                let block = Block::new(size as usize, 8, turn % 4 == 0, turn as u8).unwrap();
                match random.next() % 4 {
                    0 => drop(to[random.next() as usize % 8].try_send(block)),
                    1 => drop(block),
                    _ => mine.push(block),
                }
                if mine.len() > 100 {
                    mine.swap_remove(random.next() as usize % 100);
                }
                if random.next().is_multiple_of(2) {
                    drop(from[n].lock().unwrap().try_recv());
                }
                if n == 0 && turn % 1_000 == 0 {
                    ALLOC.0.shrink();
                }
            }
        });
        nothing_was_nested();
    });
}
