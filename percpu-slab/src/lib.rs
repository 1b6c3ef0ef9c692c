//! Pools, object caches and a keyed slab on per-CPU magazines.
//!
//! Objects that are free are kept in *magazines* on the CPU that freed them and are
//! handed out there again, without a lock, a lock prefix or a cache line that travels.
//! Full magazines go whole through a bounded *depot* of the node to CPUs that have
//! none. Memory is bounded by CPUs, not by threads; no thread is registered.
//!
//! [`compat`] has the face of `sharded-slab`; [`raw`] has the parts.

#![deny(unsafe_code)]

mod cache;
pub mod compat;
#[cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
mod epoch;
mod error;
#[cfg(not(percpu_loom))]
mod global;
pub mod hardened;
pub mod kernel;
pub mod keyed;
pub mod pool;
pub mod raw;
mod trace;

pub use cache::*;
pub use error::Error;
#[cfg(not(percpu_loom))]
pub use global::{AllocStats, ClassStats, LargeStats, PerCpuAlloc};
pub use keyed::{Key, Slab};
pub use pool::{FixedPool, IdPool, OwnedPoolGuard, Pool, PoolGuard};

/// What models reach into; no promise is made about it.
#[doc(hidden)]
#[cfg(percpu_loom)]
pub mod __model {
    pub use crate::compat::state::{Marked, State};
    pub use crate::pool::__FreeList as FreeList;
}
