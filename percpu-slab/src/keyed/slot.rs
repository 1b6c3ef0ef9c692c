//! [`Slot`]: a place for one value, and the word that says what is there.
//!
//! ```text
//!   63           32 31      3   2     1     0
//!   | generation  |  0 ..  | TRY | READ | LIVE |     this slab's; see `slab.rs`
//! ```
//! The upper half is the generation of the value that is there, or of the next one. The
//! lower half is 0 while the slot is vacant; else its meaning is the owner's.
//!
//! # Safety
//!
//! Hands out raw pointers only.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use percpu_core::atomic::AtomicU64;

/// A place for one value. Valid if all its bytes are zero (but under loom): vacant,
/// generation 0.
#[repr(C)]
pub(crate) struct Slot<T> {
    /// A generation, and flags.
    pub(crate) state: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    #[cfg(percpu_loom)]
    pub(super) fn vacant() -> Self {
        Self { state: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Where the value is, or will be.
    #[inline(always)]
    pub(crate) fn value(&self) -> *mut T {
        self.value.get().cast()
    }
}

/// The word of a vacant slot whose next value has this generation.
#[inline(always)]
pub(crate) fn vacant(generation: u32) -> u64 {
    u64::from(generation) << u32::BITS
}

/// The generation that a word tells.
#[inline(always)]
pub(crate) fn generation(state: u64) -> u32 {
    (state >> u32::BITS) as u32
}
