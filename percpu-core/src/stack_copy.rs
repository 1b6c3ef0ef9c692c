//! One unit's stack, and a per-CPU pointer to stacks that may be used.
//!
//! ```text
//!   word | slot 0 | slot 1 | ... | slot capacity - 1
//!          ------ as many as it says ---|-- anything ---
//! ```
//!
//! # Safety
//!
//! The invariants of [`StackPlace`] and [`StackRef`] are what the sections and
//! the readers stand on; who makes one promises it.

#![allow(unsafe_code)]

use crate::atomic::{AtomicU64, Ordering};
use crate::place::Place;

/// Beside a length in the word: nobody else may change the stack. Two bits, so that the
/// word less one is still negative.
pub(crate) const STOPPED: u64 = 0b11 << 62;

/// The most items that one section moves: it is restarted whenever its thread
/// is interrupted, so it must be short.
pub(crate) const BATCH: usize = 64;

/// The head of one unit's stack; its slots follow. All zeroes: empty and open.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct StackCopy {
    /// How many items there are, and [`STOPPED`]: on a unit with sections that is a
    /// drain's mark, elsewhere a lock.
    pub(crate) word: AtomicU64,
    // loom's words are more than their bytes.
    #[cfg(percpu_loom)]
    slots: Box<[AtomicU64]>,
    /// Stands for the slots: loom notices a section that writes there although a
    /// drain may still load what was there.
    #[cfg(percpu_loom)]
    inside: crate::engine::cell::UnsafeCell<()>,
}

// SAFETY: there is nothing in the cell. loom orders accesses to it, or fails.
#[cfg(percpu_loom)]
unsafe impl Sync for StackCopy {}

impl StackCopy {
    /// Bytes of a stack of `capacity` items; more than there is if that is too many.
    #[cfg(not(percpu_loom))]
    pub(crate) fn size(capacity: usize) -> usize {
        capacity.saturating_mul(size_of::<u64>()).saturating_add(size_of::<Self>())
    }

    /// An empty stack.
    #[cfg(percpu_loom)]
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            word: AtomicU64::new(0),
            slots: (0..capacity).map(|_| AtomicU64::new(0)).collect(),
            inside: crate::engine::cell::UnsafeCell::new(()),
        }
    }
}

/// One unit's stack, with what it can hold.
///
/// INVARIANT: `capacity` live slots follow the head, for `'a`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackRef<'a> {
    head: &'a StackCopy,
    capacity: u32,
    limit: &'a AtomicU64,
}

impl<'a> StackRef<'a> {
    pub(crate) fn head(self) -> &'a StackCopy {
        self.head
    }

    /// How many items it had a moment ago.
    pub(crate) fn len(self) -> u64 {
        // Relaxed: a hint, or ordered by what the caller holds.
        self.head.word.load(Ordering::Relaxed) & !STOPPED
    }

    /// How many items it may have: for who is in a section, or has the lock.
    pub(crate) fn limit(self) -> u64 {
        // Relaxed: ordered by what the caller holds, and by whoever changed it to
        // what must be seen.
        self.limit.load(Ordering::Relaxed).min(self.capacity.into())
    }

    /// A drain loads from the slots.
    #[inline(always)]
    pub(crate) fn look(self) {
        #[cfg(percpu_loom)]
        self.head.inside.with(|_| ());
    }

    /// A section stores to the slots.
    #[cfg(percpu_loom)]
    pub(crate) fn touch(self) {
        self.head.inside.with_mut(|_| ());
    }

    /// # Panics
    /// If there is no such slot.
    #[inline(always)]
    pub(crate) fn slot(self, index: u64) -> &'a AtomicU64 {
        if index >= self.capacity.into() {
            no_slot(index, self.capacity);
        }
        #[cfg(percpu_loom)]
        {
            &self.head.slots[index as usize]
        }
        #[cfg(not(percpu_loom))]
        {
            // Not by the reference, which is to the head alone.
            let slots = core::ptr::from_ref(self.head).addr() + size_of::<StackCopy>();
            let slot = slots + index as usize * size_of::<u64>();
            // SAFETY: the invariant, and the index was checked.
            unsafe { &*core::ptr::with_exposed_provenance(slot) }
        }
    }
}

/// Out of line, with its numbers in registers: a message in place keeps them in memory.
#[cold]
#[inline(never)]
fn no_slot(index: u64, capacity: u32) -> ! {
    panic!("slot {index} of a stack of {capacity}")
}

/// A per-CPU pointer to stacks of one capacity, good for `'a`.
///
/// INVARIANT: in each unit that is or becomes active, `capacity` slots, live
/// and aligned, follow the copy; they and the head are changed by the bodies in
/// `ops` and by drains only.
#[derive(Clone, Copy)]
pub(crate) struct StackPlace<'a> {
    place: Place<'a, StackCopy>,
    capacity: u32,
    limit: &'a AtomicU64,
}

impl<'a> StackPlace<'a> {
    /// # Safety
    /// The invariant must hold.
    #[inline(always)]
    pub(crate) unsafe fn new(
        place: Place<'a, StackCopy>,
        capacity: u32,
        limit: &'a AtomicU64,
    ) -> Self {
        Self { place, capacity, limit }
    }

    #[inline(always)]
    pub(crate) fn place(self) -> Place<'a, StackCopy> {
        self.place
    }

    /// How many items each stack may have now. What a push goes by is loaded
    /// inside its section.
    #[inline(always)]
    #[cfg_attr(not(percpu_rseq), allow(dead_code, reason = "other bodies have a `StackRef`"))]
    pub(crate) fn limit(self) -> &'a AtomicU64 {
        self.limit
    }

    /// The stack whose head lies at `base`.
    ///
    /// # Safety
    /// `base` is the base of an active unit.
    pub(crate) unsafe fn at(self, base: usize) -> StackRef<'a> {
        // SAFETY: the caller's word.
        let head = unsafe { self.place.at(base) };
        StackRef { head, capacity: self.capacity, limit: self.limit }
    }

    /// The stack that begins with `head`.
    ///
    /// # Safety
    /// `head` is a copy of this place's.
    pub(crate) unsafe fn of(self, head: &'a StackCopy) -> StackRef<'a> {
        StackRef { head, capacity: self.capacity, limit: self.limit }
    }
}
