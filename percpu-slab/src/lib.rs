//! Pools, object caches and a keyed slab on per-CPU magazines.
//!
//! Objects that are free are kept in *magazines* on the CPU that freed them and are
//! handed out there again, without a lock, a lock prefix or a cache line that travels.
//! Full magazines go whole through a bounded *depot* of the node to CPUs that have
//! none. Memory is bounded by CPUs, not by threads; no thread is registered.
//!
//! ```
//! use percpu_slab::{Cache, Pool, Slab};
//!
//! // Values that are used again: what they own stays theirs.
//! let buffers = Pool::new(|| Vec::<u8>::with_capacity(4096));
//! let mut buffer = buffers.get();
//! buffer.extend_from_slice(b"row");
//! drop(buffer); // back, on whichever CPU this is
//!
//! // Objects of one type, as a box each, from pages that hold nothing else.
//! let pages = Cache::<[u64; 64]>::new()?;
//! let page = pages.alloc([0; 64])?;
//! std::thread::spawn(move || drop(page)).join().unwrap();
//!
//! // Values by key: a key of a value that has gone finds nothing, ever.
//! let sessions = Slab::<String>::new()?;
//! let key = sessions.insert("session".to_owned())?;
//! assert_eq!(sessions.get(key).as_deref().map(String::as_str), Some("session"));
//! assert_eq!((sessions.take(key).is_some(), sessions.take(key)), (true, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use | the kernel's name |
//! | --- | --- | --- |
//! | use values again | [`Pool`] | `mempool_t` |
//! | allocate objects of one type | [`Cache`], [`Object`] | `kmem_cache` |
//! | allocate what must not fail | [`Cache::prefill`]: [`Prefilled`] | `kmem_cache_prefill_sheaf` |
//! | free what readers without locks may still see | `Cache::defer_free`, by the feature `crossbeam-epoch` | `kfree_rcu` |
//! | find who writes where it must not | [`hardened`] | `slub_debug` |
//! | find values by key | [`Slab`], [`Key`] | `idr` |
//! | share a fixed number of objects, or of numbers | [`FixedPool`], [`IdPool`] | `objpool`, `percpu_ida` |
//! | allocate all of a program so | [`PerCpuAlloc`] | `kmalloc` |
//! | leave `sharded-slab` by changing a `use` line | [`compat`] | |
//!
//! [`raw`] has the parts, [`kernel`] the kernel's names.
//!
//! Features: `serde` makes statistics data, `prometheus` makes them metrics,
//! `allocator-api2` makes a cache the allocator of a collection, `crossbeam-epoch` frees
//! after a grace period, `tracing` tells what hardened caches find.

#![deny(unsafe_code)]

mod cache;
pub mod compat;
#[cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
mod epoch;
mod error;
mod global;
#[cfg(any(feature = "crossbeam-epoch", percpu_loom))]
mod handed;
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
    pub use crate::global::__Bucket as Bucket;
    pub use crate::handed::Handed;
    pub use crate::keyed::__Life as Life;
    pub use crate::pool::__FreeList as FreeList;
}
