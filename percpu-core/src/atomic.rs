//! The word types: std's atomics, or loom's under `--cfg percpu_loom`.
//!
//! A per-CPU word *is* an ordinary atomic: what a remote CPU does with it is an
//! ordinary atomic access, so nothing a safe caller does is undefined behaviour.
//! Code that is to be checked with loom imports its words from here.

#[cfg(percpu_loom)]
pub use crate::engine::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8,
    AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(percpu_loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8,
    AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// The order of a load that an Acquire fence follows: the load is enough for a checker
/// that takes no notice of fences.
pub(crate) const BEFORE_ACQUIRE: Ordering =
    if cfg!(percpu_no_fences) { Ordering::Acquire } else { Ordering::Relaxed };

/// An Acquire fence behind an access that is not Acquire by itself, of the word that
/// `look` loads with the order it is told.
///
/// A checker that takes no notice of fences sees that load in its place: it reads what
/// the access wrote, or something newer, and so acquires no less.
#[doc(hidden)]
#[inline]
pub fn acquire<T>(look: impl FnOnce(Ordering) -> T) {
    if cfg!(percpu_no_fences) {
        drop(look(Ordering::Acquire));
    } else {
        fence(Ordering::Acquire);
    }
}
