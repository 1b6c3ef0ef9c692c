//! Pools, object caches and a keyed slab on per-CPU magazines.
//!
//! Objects that are free are kept in *magazines* on the CPU that freed them and are
//! handed out there again, without a lock, a lock prefix or a cache line that travels.
//! Full magazines go whole through a bounded *depot* of the node to CPUs that have
//! none. Memory is bounded by CPUs, not by threads; no thread is registered.
//!
//! [`raw`] has the parts.

#![deny(unsafe_code)]

mod error;
#[cfg(not(percpu_loom))]
mod global;
pub mod raw;

pub use error::Error;
#[cfg(not(percpu_loom))]
pub use global::{AllocStats, ClassStats, LargeStats, PerCpuAlloc};
