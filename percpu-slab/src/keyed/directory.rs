//! [`Directory`]: from an index to its slot, in one load.
//!
//! # Why
//! Slots never move and readers find them without a lock, so a vector that grows by
//! moving is no choice. Slots lie in *segments*. The first is where a comparison tells
//! that an index is in it, and what most slabs ever need. Each other one is as large as
//! all before it:
//!
//! ```text
//!   index    0 0 0 x x x     the first segment, if that is 3 bits: 0 to 7
//!            0 0 1 x x x     segment 4 has the indices 8 to 15, and so on: the number
//!            0 1 x x x x     of bits that an index has is its segment
//! ```
//! A segment is address space; the system backs the parts of it that are used. It stays
//! where it is until the directory goes. So any index leads to a slot or to none, at any
//! time: who comes with an old key needs no section to be told that it is old.
//!
//! # Safety
//!
//! Owns the memory of its segments, and hands out references into them that live as long
//! as it is borrowed.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use percpu_core::__raw::mutated;
use percpu_core::atomic::{AtomicPtr, Ordering};

use super::slot::Slot;
use crate::error::Error;
use crate::raw::memory;

/// Bits that an index may have.
#[cfg(not(percpu_loom))]
pub(super) const MAX_BITS: u32 = u32::BITS;
/// A model has a handful of slots.
#[cfg(percpu_loom)]
pub(super) const MAX_BITS: u32 = 3;

/// Bytes of the first segment: at most, as far as it has more than a slot. Address space
/// where the system backs what is used, else memory.
#[cfg(not(percpu_loom))]
const FIRST_BYTES: usize = if memory::DISCARDS { 1 << 20 } else { 32 << 10 };

pub(super) struct Directory<T> {
    /// By the number of bits of an index; those of at most `FIRST_BITS` together.
    /// INVARIANT: null, or where the slots of all indices of so many bits are, from then
    /// on.
    segments: [AtomicPtr<Slot<T>>; MAX_BITS as usize + 1],
}

// SAFETY: owns slots, and drops no values; references to slots give out pointers only,
// and what is done with these is others' to argue, who need no more than this.
unsafe impl<T: Send> Send for Directory<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Directory<T> {}

impl<T> Directory<T> {
    pub(super) fn new() -> Self {
        Self { segments: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())) }
    }

    /// Bits of the indices of the first segment.
    #[cfg(not(percpu_loom))]
    const FIRST_BITS: u32 = match FIRST_BYTES / size_of::<Slot<T>>() {
        0 => 0,
        slots => slots.ilog2(),
    };
    /// So that a model has more than one.
    #[cfg(percpu_loom)]
    const FIRST_BITS: u32 = 1;

    /// An index's segment, and its place there: less than `slots_of` that segment.
    #[inline(always)]
    fn place(index: u32) -> (u32, u32) {
        // A branch: what follows then waits neither for the bits nor for the segment.
        if index < 1 << Self::FIRST_BITS {
            return (Self::FIRST_BITS, index);
        }
        let bits = u32::BITS - index.leading_zeros();
        // Less its first bit.
        (bits, index ^ (1 << (bits - 1)))
    }

    /// How many slots a segment has.
    fn slots_of(segment: u32) -> usize {
        match segment {
            first if first == Self::FIRST_BITS => 1 << first,
            bits => 1 << (bits - 1),
        }
    }

    /// The slot of an index, if there is one.
    #[inline(always)]
    pub(super) fn find(&self, index: u32) -> Option<&Slot<T>> {
        let (segment, offset) = Self::place(index);
        // Acquire: partner is the store in `prepare`.
        let found = match mutated("directory_find_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        let segment = self.segments.get(segment as usize)?.load(found);
        if segment.is_null() {
            return None;
        }
        // SAFETY: within the segment's memory.
        let slot = unsafe { segment.add(offset as usize) };
        // SAFETY: a slot of the invariant; shared references are all there are.
        Some(unsafe { &*slot })
    }

    /// Sees to it that an index has a slot. One thread at a time.
    pub(super) fn prepare(&self, index: u32) -> Result<(), Error> {
        let (number, _) = Self::place(index);
        let segment = &self.segments[number as usize];
        // Relaxed: one thread at a time.
        if segment.load(Ordering::Relaxed).is_null() {
            let layout = Self::layout(number)?;
            let out_of_memory = Error::OutOfMemory { bytes: layout.size() };
            let base = memory::map(layout.size(), layout.align()).ok_or(out_of_memory)?;
            let slots: *mut Slot<T> = ptr::with_exposed_provenance_mut(base);
            #[cfg(percpu_loom)]
            for offset in 0..Self::slots_of(number) {
                // SAFETY: within the new memory.
                let slot = unsafe { slots.add(offset) };
                // SAFETY: as above, and nobody has it yet.
                unsafe { slot.write(Slot::vacant()) };
            }
            // Release: partner is the load in `find`.
            let prepared = match mutated("directory_prepare_relaxed") {
                true => Ordering::Relaxed,
                false => Ordering::Release,
            };
            segment.store(slots, prepared);
        }
        Ok(())
    }

    /// Gives the memory of `count` slots from `first` on back, all of one segment, as
    /// far as it is whole pages of the system. The words of some of them, or of all,
    /// are 0 then.
    ///
    /// # Safety
    /// There are these slots. They are vacant, and nobody else stores to them.
    pub(super) unsafe fn discard(&self, first: u32, count: usize) {
        // Where nothing can be given back and that is to be tested.
        #[cfg(any(miri, percpu_loom))]
        for index in (first..).take(count) {
            if let Some(slot) = self.find(index) {
                slot.state.store(0, Ordering::Relaxed);
            }
        }
        let (segment, offset) = Self::place(first);
        // Relaxed: who gives back has seen them used.
        let segment = self.segments[segment as usize].load(Ordering::Relaxed);
        let start = segment.wrapping_add(offset as usize).addr();
        // SAFETY: bytes of the segment's memory; of slots that are as good as zeros.
        unsafe { memory::discard(start, count * size_of::<Slot<T>>()) }
    }

    /// Whether that is worth the trouble.
    pub(super) const DISCARDS: bool = memory::DISCARDS || cfg!(any(miri, percpu_loom));

    fn layout(segment: u32) -> Result<Layout, Error> {
        Layout::array::<Slot<T>>(Self::slots_of(segment))
            .map_err(|_| Error::OutOfMemory { bytes: usize::MAX })
    }
}

impl<T> Drop for Directory<T> {
    fn drop(&mut self) {
        for number in Self::FIRST_BITS..=MAX_BITS {
            // Relaxed: nobody else is here.
            let segment = self.segments[number as usize].load(Ordering::Relaxed);
            let (Some(segment), Ok(layout)) = (NonNull::new(segment), Self::layout(number)) else {
                continue;
            };
            #[cfg(percpu_loom)]
            for offset in 0..Self::slots_of(number) {
                // SAFETY: within the memory.
                let slot = unsafe { segment.add(offset) };
                // SAFETY: a slot that nobody uses any more.
                unsafe { slot.drop_in_place() };
            }
            // SAFETY: from `prepare`, by the same layout; nobody borrows the directory.
            unsafe { memory::unmap(segment.addr().get(), layout.size(), layout.align()) };
        }
    }
}
