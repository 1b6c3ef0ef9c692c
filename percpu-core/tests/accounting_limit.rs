//! An allocator that may not hand out more than so much, under stress. It is not the
//! program's own, whose threads need memory too.
//!
//! # Safety
//!
//! Fetches blocks by hand and gives each back once; some in a signal handler.

#![cfg(all(target_os = "linux", not(percpu_loom)))]
#![allow(unsafe_code)]

mod common;
#[path = "common/shadow.rs"]
mod shadow;

use std::alloc::{GlobalAlloc, Layout, System};

use common::{Random, in_each_mode, in_each_pinned_mode, scaled};
use percpu_core::atomic::AtomicU64;
use percpu_core::{AccountingAlloc, Unit, percpu};
use shadow::{IN_HANDLERS, Inner, Outer, live, peak, settled};

static ALLOC: Outer = Outer(AccountingAlloc::new(Inner).with_limit(usize::MAX));

percpu! { static WORD: AtomicU64 = AtomicU64::new(0); }

const KIB: usize = 1 << 10;
/// Under Miri less, as all is filled with small blocks.
const MIB: usize = if cfg!(miri) { 64 << 10 } else { 1 << 20 };

/// So many bytes more than are allocated now, which is the peak from now on.
fn limit_to(more: usize) -> u64 {
    shadow::forget_peak();
    let limit = live() as usize + more;
    ALLOC.0.set_limit(Some(limit)).unwrap();
    assert_eq!(ALLOC.0.limit(), Some(limit));
    limit as u64
}

/// A block that may be refused, and gives itself back.
struct Block(*mut u8, Layout);

// SAFETY: an owned block.
unsafe impl Send for Block {}

impl Block {
    fn try_new(bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(bytes, 1).unwrap();
        // SAFETY: no caller asks for nothing.
        let block = unsafe { ALLOC.alloc(layout) };
        (!block.is_null()).then(|| Self(block, layout))
    }

    /// Whether it has another size now.
    fn resize(&mut self, bytes: usize) -> bool {
        // SAFETY: a block of this layout, and not of nothing.
        let moved = unsafe { ALLOC.realloc(self.0, self.1, bytes) };
        if !moved.is_null() {
            (self.0, self.1) = (moved, Layout::from_size_align(bytes, 1).unwrap());
        }
        !moved.is_null()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: owned, of this layout.
        unsafe { ALLOC.dealloc(self.0, self.1) };
    }
}

fn take_and_give() {
    // SAFETY: not of size zero; given back once, as it was taken.
    let block = shadow::count(unsafe { ALLOC.0.alloc(IN_HANDLERS) }, 0, IN_HANDLERS.size());
    if !block.is_null() {
        // SAFETY: as above.
        unsafe { ALLOC.0.dealloc(block, IN_HANDLERS) };
        shadow::count(block, IN_HANDLERS.size(), 0);
    }
}

/// Empties the stock of the unit that this thread has: what is refused was tried with it.
fn empty_stock() {
    assert!(Block::try_new(1).is_none());
}

/// Empties every unit's stock, where threads can be sent to each.
fn empty_all_stocks() -> bool {
    let info = percpu_core::info().unwrap();
    if common::by_cpu() {
        let cpus = common::allowed();
        for cpu in (0..64).filter(|cpu| cpus >> cpu & 1 == 1) {
            common::set_affinity(1 << cpu);
            WORD.inc();
            empty_stock();
        }
        common::set_affinity(cpus);
    } else if !info.mode().is_rseq() {
        // Threads take units by turns.
        for _ in Unit::all().unwrap() {
            std::thread::spawn(empty_stock).join().unwrap();
        }
        empty_stock();
    } else {
        return false;
    }
    true
}

#[test]
fn never_over_the_limit_and_nothing_lost_under_a_storm() {
    in_each_mode("never_over_the_limit_and_nothing_lost_under_a_storm", || {
        percpu_core::init().unwrap();
        common::handle_sigusr1(take_and_give);
        WORD.inc();
        let units = Unit::all().unwrap().count() as u64;
        let limit = limit_to(2 * MIB);
        common::in_a_storm(16, |n| {
            if n % 2 == 0 {
                WORD.inc();
            }
            let mut random = Random(n as u64 + 77);
            let mut kept: Vec<Block> = Vec::new();
            for _ in 0..scaled(20_000) {
                let bytes = 1 + random.next() as usize % (1 << (random.next() % 17));
                let nth = random.next() as usize % 64;
                match random.next() % 4 {
                    0 if nth < kept.len() => drop(kept.swap_remove(nth)),
                    1 if nth < kept.len() => drop(kept[nth].resize(bytes)),
                    _ if kept.len() < 64 => kept.extend(Block::try_new(bytes)),
                    _ => drop(kept.pop()),
                }
            }
        });
        let s = settled(&ALLOC);
        println!("limit {limit}, peak {}, {} refused, {} beside", peak(), s.refusals, s.fallbacks);
        assert!(peak() <= limit, "{} were handed out, with a limit of {limit}", peak());
        assert!(s.refusals > 0 || scaled(100) < 100);
        let in_stock = s.charged_bytes.unwrap() - s.allocated_bytes;
        assert!(in_stock <= (units * 64 * KIB as u64).min(limit / 16), "{in_stock} in stock");
        // Now the same amount, to the byte.
        ALLOC.0.set_limit(Some(0)).unwrap();
        if empty_all_stocks() {
            let s = settled(&ALLOC);
            assert_eq!(s.charged_bytes, Some(s.allocated_bytes));
        }
        ALLOC.0.set_limit(None).unwrap();
        assert_eq!(ALLOC.0.snapshot().limit, None);
    });
}

#[test]
fn a_cpu_alone_fills_the_limit_to_the_last_byte() {
    in_each_pinned_mode("a_cpu_alone_fills_the_limit_to_the_last_byte", || {
        // From the start: so no other CPU has a stock.
        common::pin();
        let limited = |more: usize, size: usize| {
            let mut blocks: Vec<Block> = Vec::with_capacity(2 * more / size);
            let limit = limit_to(more);
            while let Some(block) = Block::try_new(size) {
                blocks.push(block);
            }
            let refused_at = live();
            let given = blocks.pop().is_some();
            let again = Block::try_new(size);
            ALLOC.0.set_limit(None).unwrap();
            assert!(
                refused_at <= limit && refused_at + size as u64 > limit,
                "{refused_at}, {limit}"
            );
            assert!(given && again.is_some(), "what was given back is there for the next");
        };
        // First without per-CPU memory.
        limited(MIB, 1_000);
        percpu_core::init().unwrap();
        for (more, size) in
            [(MIB, 64), (3 * MIB, 4_096), (8 * MIB, 100 * KIB), (KIB, 1), (500, 499)]
        {
            limited(more, size);
        }
        settled(&ALLOC);
    });
}

#[test]
fn threads_that_only_take_end_at_the_limit() {
    in_each_mode("threads_that_only_take_end_at_the_limit", || {
        percpu_core::init().unwrap();
        let limit = limit_to(4 * MIB);
        let lists: Vec<Vec<Block>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..32)
                .map(|_| {
                    scope.spawn(|| {
                        let mut blocks = Vec::new();
                        while let Some(block) = Block::try_new(1_000) {
                            blocks.push(block);
                        }
                        blocks
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (filled, most) = (live(), peak());
        ALLOC.0.set_limit(None).unwrap();
        assert!(most <= limit, "{most} of {limit}");
        assert!(filled > limit / 16 * 15 - 64 * KIB as u64, "{filled} of {limit}");
        drop(lists);
        settled(&ALLOC);
    });
}

#[test]
fn a_limit_below_what_is_charged_refuses_until_enough_was_freed() {
    in_each_mode("a_limit_below_what_is_charged_refuses_until_enough_was_freed", || {
        percpu_core::init().unwrap();
        let mut blocks: Vec<_> = (0..100).map(|_| Block::try_new(10_000)).collect();
        // In any CPU's stock there may be enough; it is not for use.
        let limit = live() - 500_000;
        ALLOC.0.set_limit(Some(limit as usize)).unwrap();
        let refused = (0..100).all(|_| Block::try_new(1).is_none());
        let mut freed = 0;
        while Block::try_new(1).is_none() && freed < 100 {
            blocks[freed] = None;
            freed += 1;
        }
        let end = live();
        ALLOC.0.set_limit(None).unwrap();
        assert!(refused);
        assert!(freed >= 50 && end <= limit, "{freed} freed, {end} of {limit}");
        assert!(freed < 100, "not only when all is free");
        settled(&ALLOC);
    });
}

/// Random operations against a plain integer, in the allocator's own atomics.
#[test]
fn a_limited_allocator_agrees_with_a_plain_integer() {
    // It takes the per-CPU words.
    percpu_core::init().unwrap();
    drop(Block::try_new(1));
    let small = AccountingAlloc::new(System).with_limit(10_000);
    let (mut random, mut model) = (Random(5), 0);
    let mut limit = 10_000;
    let mut blocks: Vec<(*mut u8, Layout)> = Vec::new();
    for _ in 0..scaled(20_000) {
        let bytes = 1 + random.next() as usize % 900;
        let layout = Layout::from_size_align(bytes, 8).unwrap();
        match random.next() % 8 {
            0..=3 => {
                // SAFETY: not of nothing.
                let block = unsafe { small.alloc(layout) };
                assert_eq!(block.is_null(), model + bytes > limit);
                if !block.is_null() {
                    blocks.push((block, layout));
                    model += bytes;
                }
            }
            4..=5 if !blocks.is_empty() => {
                let nth = random.next() as usize % blocks.len();
                let (block, old) = blocks[nth];
                // SAFETY: one of its blocks.
                let moved = unsafe { small.realloc(block, old, bytes) };
                let over = bytes > old.size() && model + bytes - old.size() > limit;
                assert_eq!(moved.is_null(), over);
                if !moved.is_null() {
                    blocks[nth] = (moved, layout);
                    model = model + bytes - old.size();
                }
            }
            6 if random.next().is_multiple_of(50) => {
                limit = 5_000 + random.next() as usize % 10_000;
                small.set_limit(Some(limit)).unwrap();
            }
            _ => {
                if let Some((block, layout)) = blocks.pop() {
                    // SAFETY: one of its blocks, once.
                    unsafe { small.dealloc(block, layout) };
                    model -= layout.size();
                }
            }
        }
        assert_eq!(small.allocated_bytes(), model as u64);
        assert_eq!(small.snapshot().charged_bytes, Some(model as u64));
        assert_eq!(small.snapshot().live_allocations(), blocks.len() as u64);
    }
    for (block, layout) in blocks {
        // SAFETY: one of its blocks, once.
        unsafe { small.dealloc(block, layout) };
    }
    assert_eq!((small.allocated_bytes(), small.limit()), (0, Some(limit)));
    assert_eq!(small.allocations(), small.deallocations());
}
