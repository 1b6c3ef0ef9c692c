//! An allocator that is watched from outside and from inside: what an accounting
//! allocator between the two should have counted, in plain atomics.
//!
//! # Safety
//!
//! Passes requests on as they came; small blocks of one alignment come from a ring that
//! a signal handler may use.

#![allow(unsafe_code, dead_code, missing_docs, unreachable_pub)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use percpu_core::{AccountingAlloc, AccountingSnapshot};

/// Outside of the accounting: sees what the program asked for, and whether the
/// accounting asks too.
#[derive(Debug)]
pub struct Outer(pub AccountingAlloc<Inner>);

/// Inside: sees what was handed out.
#[derive(Debug)]
pub struct Inner;

/// Allocations that were asked for inside of an allocation of the same thread.
static NESTED: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static DEALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static REALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static TOTAL: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);
/// Bytes that `Inner` has handed out, and the most there were.
static LIVE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs one request; a second one inside of it is the accounting's own.
fn once(request: impl FnOnce() -> *mut u8) -> *mut u8 {
    let depth = DEPTH.replace(DEPTH.get() + 1);
    if depth > 0 {
        NESTED.fetch_add(1, SeqCst);
    }
    let block = request();
    DEPTH.set(depth);
    block
}

/// What a request changed, if it succeeded.
pub fn count(block: *mut u8, old: usize, new: usize) -> *mut u8 {
    if !block.is_null() || new == 0 {
        TOTAL.fetch_add(new.saturating_sub(old) as u64, SeqCst);
        FREED.fetch_add(old.saturating_sub(new) as u64, SeqCst);
        let count = match (old, new) {
            (0, _) => &ALLOCATIONS,
            (_, 0) => &DEALLOCATIONS,
            _ => &REALLOCATIONS,
        };
        count.fetch_add(1, SeqCst);
    }
    block
}

// SAFETY: `AccountingAlloc`'s blocks.
unsafe impl GlobalAlloc for Outer {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        count(once(|| unsafe { self.0.alloc(layout) }), 0, layout.size())
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        count(once(|| unsafe { self.0.alloc_zeroed(layout) }), 0, layout.size())
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        once(|| {
            // SAFETY: passed on.
            unsafe { self.0.dealloc(block, layout) };
            block
        });
        count(block, layout.size(), 0);
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        // SAFETY: passed on.
        count(once(|| unsafe { self.0.realloc(block, layout, new) }), layout.size(), new)
    }
}

/// What no system has.
pub const TOO_MUCH: usize = isize::MAX as usize - 4096;

/// Blocks of this layout come from a ring: in a handler too, a few at a time.
pub const IN_HANDLERS: Layout = match Layout::from_size_align(96, 128) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};
const RING: usize = 4096;
#[repr(align(128))]
struct Ring(std::cell::UnsafeCell<[u8; RING * 128]>);
// SAFETY: bytes that are handed out, never looked at here.
unsafe impl Sync for Ring {}
static BYTES: Ring = Ring(std::cell::UnsafeCell::new([0; RING * 128]));
static NEXT: AtomicUsize = AtomicUsize::new(0);

fn appeared(block: *mut u8, bytes: usize) -> *mut u8 {
    if !block.is_null() {
        let live = LIVE.fetch_add(bytes as u64, SeqCst) + bytes as u64;
        PEAK.fetch_max(live, SeqCst);
    }
    block
}

// SAFETY: `System`'s blocks, or parts of the ring.
unsafe impl GlobalAlloc for Inner {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = if layout == IN_HANDLERS {
            let nth = NEXT.fetch_add(1, SeqCst) % RING;
            BYTES.0.get().cast::<u8>().wrapping_add(nth * 128)
        } else {
            // SAFETY: passed on.
            unsafe { System.alloc(layout) }
        };
        appeared(block, layout.size())
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        appeared(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as u64, SeqCst);
        if layout != IN_HANDLERS {
            // SAFETY: passed on.
            unsafe { System.dealloc(block, layout) };
        }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        // SAFETY: passed on.
        let moved = unsafe { System.realloc(block, layout, new) };
        if !moved.is_null() {
            LIVE.fetch_sub(layout.size() as u64, SeqCst);
            appeared(moved, new);
        }
        moved
    }
}

pub fn live() -> u64 {
    LIVE.load(SeqCst)
}

pub fn peak() -> u64 {
    PEAK.load(SeqCst)
}

fn expected() -> [u64; 6] {
    let freed = FREED.load(SeqCst);
    let total = TOTAL.load(SeqCst);
    let counts = [&ALLOCATIONS, &DEALLOCATIONS, &REALLOCATIONS].map(|count| count.load(SeqCst));
    [total.wrapping_sub(freed), total, counts[0], counts[1], counts[2], live()]
}

/// The peak is from now on: in a process that ran other tests before.
pub fn forget_peak() {
    PEAK.store(live(), SeqCst);
}

/// What was counted, once no allocation is under way: it agrees with what was asked
/// for and handed out, and the accounting has not allocated.
pub fn settled(outer: &Outer) -> AccountingSnapshot {
    for _ in 0..2_000 {
        let s = outer.0.snapshot();
        let counts = [s.allocations, s.deallocations, s.reallocations];
        let [a, d, r] = counts;
        let counted = [s.allocated_bytes, s.total_bytes, a, d, r, s.allocated_bytes];
        if counted == expected() {
            assert_eq!(NESTED.load(SeqCst), 0, "the accounting allocated");
            return s;
        }
        // SAFETY: waits.
        unsafe { libc::usleep(500) };
    }
    panic!("counted {:?}, but it was {:?}", outer.0.snapshot(), expected());
}
