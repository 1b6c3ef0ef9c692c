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
