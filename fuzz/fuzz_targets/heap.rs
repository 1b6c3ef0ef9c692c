//! The allocator of a program, called as the compiler calls it, and the one that counts
//! and limits before it: blocks of any layout, from several CPUs, against a list.
//!
//! # Safety
//! Blocks are given back once, with the layout they came with.

#![no_main]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::AccountingAlloc;
use percpu_fuzz::run_on;
use percpu_slab::PerCpuAlloc;

/// One for all inputs, as what it has is never given back.
static HEAP: AccountingAlloc<Heap> = AccountingAlloc::new(Heap).with_limit(usize::MAX);
static BLOCKS: PerCpuAlloc = PerCpuAlloc::new();

/// The static allocator, as one that can be wrapped.
struct Heap;

// SAFETY: passed on, all of it.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { BLOCKS.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { BLOCKS.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { BLOCKS.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { BLOCKS.realloc(block, layout, new) }
    }
}

#[derive(Arbitrary, Debug)]
struct Input {
    limit: Option<u32>,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Alloc(Shape),
    Zeroed(Shape),
    Realloc(u8, Shape),
    Free(u8),
    Shrink,
    Limit(Option<u32>),
}

/// A size, small as often as large, and an alignment.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Shape(u16, u8, u8);

impl Shape {
    fn layout(self) -> Layout {
        let size = (usize::from(self.0) + 1) << (self.1 % 5);
        Layout::from_size_align(size, 1 << (self.2 % 14)).expect("a power of two")
    }
}

struct Block {
    at: *mut u8,
    layout: Layout,
    stamp: u8,
}

impl Block {
    fn bytes(&self) -> &mut [u8] {
        // SAFETY: the block has so many bytes, which nobody else refers to.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.layout.size()) }
    }

    fn holds(&self, bytes: usize) -> bool {
        self.bytes()[..bytes].iter().all(|&byte| byte == self.stamp)
    }
}

/// Bytes of all blocks at a time.
const MOST: usize = 16 << 20;

#[derive(Default)]
struct Model {
    live: Vec<Block>,
    bytes: usize,
    limit: Option<u64>,
    stamp: u8,
    /// Since the input began.
    allocations: u64,
    frees: u64,
    total: u64,
    refusals: u64,
}

impl Model {
    fn came(&mut self, at: *mut u8, layout: Layout) {
        assert!(at.addr().is_multiple_of(layout.align()), "{layout:?} at {at:p}");
        let end = at.addr() + layout.size();
        for Block { at: other, layout, .. } in &self.live {
            assert!(end <= other.addr() || other.addr() + layout.size() <= at.addr(), "overlap");
        }
        self.stamp = self.stamp % 250 + 1;
        let block = Block { at, layout, stamp: self.stamp };
        block.bytes().fill(self.stamp);
        self.bytes += layout.size();
        self.live.push(block);
    }

    /// So many bytes were refused.
    fn refused(&mut self, bytes: usize) {
        let limit = self.limit.expect("a limit, or memory");
        // Stocks of CPUs count as charged; these are a sixteenth of the largest limit.
        let near = self.bytes as u64 + bytes as u64 + (64 << 10) * percpu_fuzz::nr_cpus() as u64;
        assert!(near > limit, "{} and {bytes} are within {limit}", self.bytes);
        self.refusals += 1;
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Alloc(shape) | Step::Zeroed(shape) => {
                let (layout, zeroed) = (shape.layout(), matches!(step, Step::Zeroed(_)));
                if self.bytes + layout.size() > MOST {
                    return;
                }
                // SAFETY: no layout has size 0.
                let at = match zeroed {
                    true => unsafe { HEAP.alloc_zeroed(layout) },
                    // SAFETY: as above.
                    false => unsafe { HEAP.alloc(layout) },
                };
                if at.is_null() {
                    return self.refused(layout.size());
                }
                if zeroed {
                    let block = Block { at, layout, stamp: 0 };
                    assert!(block.holds(layout.size()), "{layout:?} is not zero");
                }
                self.came(at, layout);
                self.allocations += 1;
                self.total += layout.size() as u64;
            }
            Step::Realloc(nth, shape) if !self.live.is_empty() => {
                let block = self.live.swap_remove(usize::from(nth) % self.live.len());
                let (old, new) = (block.layout.size(), shape.layout().size());
                // SAFETY: a block of this layout; no new size is 0.
                let at = unsafe { HEAP.realloc(block.at, block.layout, new) };
                if at.is_null() {
                    assert!(block.holds(old), "the block is as it was");
                    self.live.push(block);
                    return self.refused(new.saturating_sub(old));
                }
                self.bytes -= old;
                let layout = Layout::from_size_align(new, block.layout.align()).expect("as before");
                let moved = Block { at, layout, stamp: block.stamp };
                assert!(moved.holds(old.min(new)), "the bytes come along");
                self.came(at, layout);
                self.total += new.saturating_sub(old) as u64;
            }
            Step::Free(nth) if !self.live.is_empty() => {
                let block = self.live.swap_remove(usize::from(nth) % self.live.len());
                self.free(block);
            }
            Step::Shrink => drop(BLOCKS.shrink()),
            Step::Limit(limit) => self.set_limit(limit),
            _ => {}
        }
    }

    fn set_limit(&mut self, limit: Option<u32>) {
        HEAP.set_limit(limit.map(|limit| limit as usize)).expect("made with one");
        self.limit = limit.map(u64::from);
    }

    fn free(&mut self, block: Block) {
        assert!(block.holds(block.layout.size()), "nobody else wrote to it");
        self.bytes -= block.layout.size();
        self.frees += 1;
        // SAFETY: it came with this layout, and goes once.
        unsafe { HEAP.dealloc(block.at, block.layout) };
    }
}

fuzz_target!(init: BLOCKS.init().expect("memory"), |input: Input| {
    run_on(0);
    let mut model = Model::default();
    model.set_limit(input.limit);
    let before = HEAP.snapshot();
    assert_eq!(before.live_allocations(), 0);
    let blocks = BLOCKS.stats().live();
    for &step in input.steps.iter().take(128) {
        model.step(step);
        let now = HEAP.snapshot();
        assert_eq!(now.allocated_bytes, model.bytes as u64);
        assert_eq!(now.live_allocations(), model.live.len() as u64);
        assert_eq!(now.allocations - before.allocations, model.allocations);
        assert_eq!(now.total_bytes - before.total_bytes, model.total);
        assert_eq!(now.refusals - before.refusals, model.refusals);
        assert_eq!(now.limit, model.limit);
    }
    assert_eq!(BLOCKS.stats().live() - blocks, model.live.len());
    while let Some(block) = model.live.pop() {
        model.free(block);
    }
    assert_eq!(BLOCKS.stats().live(), blocks);
    assert_eq!(HEAP.snapshot().deallocations - before.deallocations, model.frees);
});
