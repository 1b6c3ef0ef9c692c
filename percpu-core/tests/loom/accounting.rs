//! `AccountingAlloc`: never more handed out than the limit, nothing of the limit lost,
//! and who gets the room of a block comes after its free.
//!
//! # Safety
//!
//! The allocator below hands out addresses that nobody looks at. What it has in a cell
//! is touched by who has the room; loom fails an execution in which two are not ordered.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Tally;

use percpu_core::AccountingAlloc;
use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::loom::cell::UnsafeCell;
use percpu_core::model::{Builder, Outcomes};

/// An allocator that has no memory, and knows what it may have handed out.
struct Memory {
    most: usize,
    out: Tally,
    /// Stands for the room, if there is room for one block alone.
    room: Option<UnsafeCell<()>>,
}

// SAFETY: there is nothing in the cell.
unsafe impl Sync for Memory {}

impl Memory {
    fn touch(&self) {
        if let Some(room) = &self.room {
            room.with_mut(|_| ());
        }
    }
}

// SAFETY: nobody uses what it hands out.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let out = self.out.fetch_add(layout.size(), Relaxed) + layout.size();
        assert!(out <= self.most, "{out} of {} handed out", self.most);
        self.touch();
        std::ptr::without_provenance_mut(layout.align())
    }

    unsafe fn dealloc(&self, _: *mut u8, layout: Layout) {
        self.touch();
        self.out.fetch_sub(layout.size(), Relaxed);
    }
}

type Alloc = Arc<AccountingAlloc<Memory>>;

fn limited(limit: usize, one_block: bool) -> Alloc {
    let room = one_block.then(|| UnsafeCell::new(()));
    let memory = Memory { most: limit, out: Tally::new(0), room };
    Arc::new(AccountingAlloc::new(memory).with_limit(limit))
}

/// Whether there was room.
fn fetch(alloc: &Alloc, size: usize) -> bool {
    let layout = Layout::from_size_align(size, 1).unwrap();
    // SAFETY: not of size 0.
    !unsafe { alloc.alloc(layout) }.is_null()
}

/// A block that was fetched.
fn free(alloc: &Alloc, size: usize) {
    let layout = Layout::from_size_align(size, 1).unwrap();
    // SAFETY: the allocator above does nothing with it.
    unsafe { alloc.dealloc(std::ptr::without_provenance_mut(1), layout) };
}

/// There is room for one block: who gets it comes after who had it.
#[test]
fn allocation_against_free_at_the_limit() {
    static GOT: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let alloc = limited(64, true);
        assert!(fetch(&alloc, 64));
        let theirs = Arc::clone(&alloc);
        let frees = machine.spawn_on(0, move || free(&theirs, 64));
        let theirs = Arc::clone(&alloc);
        let fetches = machine.spawn_without_rseq(move || {
            let got = fetch(&theirs, 64);
            if got {
                free(&theirs, 64);
            }
            got
        });
        frees.join().unwrap();
        let got = fetches.join().unwrap();
        assert_eq!((alloc.allocated_bytes(), alloc.snapshot().charged_bytes), (0, Some(0)));
        assert!(fetch(&alloc, 64), "room was lost");
        GOT.saw(got);
    });
    GOT.assert_exactly([true, false]);
}

/// Far from the limit two threads of one CPU take from its stock and fill it. In the end
/// all of the limit can be had, out of the stock too.
#[test]
fn allocations_against_each_other_by_a_stock() {
    // What lies in the stock in the end.
    static LEFT: Outcomes<u64> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        // A stock may have 4, and is filled by half.
        let alloc = limited(128, false);
        let threads = [(), ()].map(|()| {
            let theirs = Arc::clone(&alloc);
            machine.spawn_on(0, move || {
                assert!(fetch(&theirs, 1));
                free(&theirs, 1);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(alloc.allocated_bytes(), 0);
        LEFT.saw(alloc.snapshot().charged_bytes.unwrap());
        assert!(fetch(&alloc, 128), "room was lost");
    });
    // One filled it for both, or each did; the second gave what was too much back.
    LEFT.assert_seen([3, 4]);
}

/// A block is freed into its CPU's stock. Who gets that, by way of a thread that gave the
/// stock back, comes after the free.
#[test]
fn allocations_of_everything_against_free_to_a_stock() {
    static GOT: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let (alloc, turns) = (limited(128, false), Arc::new(AtomicU64::new(0)));
        assert!(fetch(&alloc, 1));
        // In two steps: who does not see the one before loses it.
        let take_turn = |turns: &AtomicU64| {
            let turn = turns.load(Relaxed);
            turns.store(turn + 1, Relaxed);
        };
        let (theirs, turn) = (Arc::clone(&alloc), Arc::clone(&turns));
        let frees = machine.spawn_on(0, move || {
            take_turn(&turn);
            free(&theirs, 1);
        });
        let all = |theirs: Alloc, turn: Arc<AtomicU64>| {
            move || fetch(&theirs, 128).then(|| take_turn(&turn)).is_some()
        };
        let here = machine.spawn_on(0, all(Arc::clone(&alloc), Arc::clone(&turns)));
        let elsewhere = machine.spawn_without_rseq(all(Arc::clone(&alloc), Arc::clone(&turns)));
        frees.join().unwrap();
        let (here, elsewhere) = (here.join().unwrap(), elsewhere.join().unwrap());
        assert_eq!(turns.load(Relaxed), 1 + u64::from(here || elsewhere), "not seen");
        GOT.saw((here, elsewhere));
    });
    GOT.assert_exactly([(false, false), (true, false), (false, true)]);
}

/// A limit that is lowered below what is charged: no stock is for use any more.
#[test]
fn allocation_against_a_lower_limit() {
    static GOT: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let alloc = limited(128, false);
        assert!(fetch(&alloc, 1));
        let theirs = Arc::clone(&alloc);
        let fetches = machine.spawn_on(0, move || fetch(&theirs, 1));
        let theirs = Arc::clone(&alloc);
        let lowers = machine.spawn_on(0, move || {
            theirs.set_limit(Some(1)).unwrap();
            assert!(!fetch(&theirs, 1), "over the limit");
        });
        lowers.join().unwrap();
        GOT.saw(fetches.join().unwrap());
    });
    GOT.assert_exactly([true, false]);
}
