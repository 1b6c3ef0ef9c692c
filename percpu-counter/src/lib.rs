//! Counters on per-CPU words, for code that counts more often than it reads.
//!
//! ```
//! use percpu_counter::{Counter, counter};
//!
//! counter! {
//!     /// Requests served.
//!     pub static REQUESTS: Counter;
//! }
//!
//! REQUESTS.inc();
//! let bytes = Counter::new()?;
//! bytes.add(4096);
//! assert_eq!((REQUESTS.sum(), bytes.take(), bytes.sum()), (1, 4096, 0));
//! # Ok::<(), percpu_counter::Error>(())
//! ```
//!
//! Counting touches this CPU's copy only and costs what
//! [`percpu_core`]'s operation costs; reading adds the copies up. No thread is
//! registered, nothing is kept per thread, nothing needs to be flushed.

#![forbid(unsafe_code)]

#[cfg_attr(percpu_loom, path = "base_loom.rs")]
mod base;
mod counter;
mod gauge;
mod rebased;
mod statics;
mod storage;

pub use counter::{Counter, StaticCounter};
pub use gauge::{Gauge, StaticGauge};
pub use percpu_core::Error;
pub use percpu_core::{
    MappedPerCpuRwLockReadGuard, MappedPerCpuRwLockWriteGuard, PerCpuRwLock, PerCpuRwLockReadGuard,
    PerCpuRwLockWriteGuard, RawPerCpuRwLock, lock_api,
};

#[doc(hidden)]
pub use base::Base as __Base;
#[doc(hidden)]
pub use percpu_core as __core;
