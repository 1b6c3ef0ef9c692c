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
//!
//! | to | use | the kernel's name |
//! | --- | --- | --- |
//! | count, read, reset | [`Counter`] | |
//! | go up and down, or be set | [`Gauge`] | |
//! | read with one load, a little wrong | [`ApproxCounter`], [`ApproxCounters`] | `percpu_counter` |
//! | know the least or the greatest value | [`Min`], [`Max`] | |
//! | change several counters together | [`CounterSet`] | `u64_stats_sync` |
//! | know how values are distributed | [`Histogram`] | |
//! | keep to a limit | [`Budget`], [`Reservation`] | `page_counter`, `percpu_counter_limited_add` |
//! | account a program's allocations | [`AccountingAlloc`] | |
//! | know when the last user has gone | [`PerCpuRef`], [`RawRef`] | `percpu_ref` |
//! | read often what is seldom written | [`PerCpuRwLock`] | `percpu_rw_semaphore` |
//! | wait for readers who take no lock | [`Domain`] | SRCU |
//! | declare counters and budgets | [`counter!`](macro@counter), [`counter_set!`] | |
//!
//! The upper half counts and never waits for anybody. The lower half stands on numbers
//! that somebody can stop, by a fence (see [`percpu_core::fence`]): what is done often
//! touches this CPU's copy only, and what is done seldom pays for it.
//!
//! In a signal handler: `add`, `inc` and their kin of [`Counter`] and [`Gauge`],
//! `record` of [`Min`], [`Max`] and [`Histogram`], and sections of a [`Domain`] are as
//! safe as the core's operations on words ([`percpu_core::signal_safety`]). Whatever reads,
//! sets, or may have to tell another CPU takes a lock: not there.
//!
//! Features: `serde` makes values and snapshots data; `prometheus`, `prometheus-client`
//! and `metrics` have modules of those names, with the crates' metrics on per-CPU
//! storage; `hdrhistogram` turns snapshots into that crate's. [`kernel`] lists the
//! kernel's names and what they are here.

#![forbid(unsafe_code)]

mod approx;
#[cfg(not(percpu_loom))]
mod approx_many;
#[cfg_attr(percpu_loom, path = "base_loom.rs")]
mod base;
mod budget;
mod callbacks;
mod counter;
mod deferred;
mod delta;
mod domain;
mod extreme;
mod fields;
mod gauge;
mod grace_period;
#[cfg(not(percpu_loom))]
pub mod histogram;
mod inside;
#[cfg(any(
    feature = "metrics",
    feature = "prometheus",
    feature = "prometheus-client",
    percpu_loom
))]
mod integrations;
pub mod kernel;
mod macros;
mod min_max;
mod raw_domain;
mod rebased;
#[cfg(feature = "serde")]
mod serial;
mod set;
mod snapshot;
mod storage;
mod sync;

pub use approx::{ApproxCounter, StaticApproxCounter};
#[cfg(not(percpu_loom))]
pub use approx_many::{ApproxCounterRef, ApproxCounters};
pub use budget::{Budget, BudgetBuilder, LimitExceeded, Reservation, StaticBudget};
pub use callbacks::GracePeriod;
pub use counter::{Counter, StaticCounter};
pub use domain::{Domain, OwnedReadGuard, ReadGuard};
pub use fields::CounterFields;
pub use gauge::{Gauge, StaticGauge};
#[cfg(not(percpu_loom))]
pub use histogram::Histogram;
pub use min_max::{Extremal, Max, Min, StaticMax, StaticMin};
pub use percpu_core::Error;
#[cfg(not(percpu_loom))]
pub use percpu_core::{AccountingAlloc, AccountingSnapshot};
pub use percpu_core::{ExitedRef, PerCpuRef, PerCpuRefBuilder, RawRef, Ref, RefError, RefOptions};
pub use percpu_core::{
    MappedPerCpuRwLockReadGuard, MappedPerCpuRwLockWriteGuard, PerCpuRwLock, PerCpuRwLockReadGuard,
    PerCpuRwLockWriteGuard, RawPerCpuRwLock, lock_api,
};
pub use set::{CounterSet, StaticCounterSet};
pub use snapshot::Snapshot;

#[doc(hidden)]
pub use base::Base as __Base;
/// What caches build on; no promise is made about it.
#[doc(hidden)]
pub mod __raw {
    pub use crate::raw_domain::{ask, enter, leave};
    pub use crate::sync::Pause;
}
#[doc(hidden)]
pub use percpu_core as __core;

#[cfg(all(feature = "metrics", not(percpu_loom)))]
pub use integrations::metrics;
#[cfg(all(feature = "prometheus", not(percpu_loom)))]
pub use integrations::prometheus;
#[cfg(all(feature = "prometheus-client", not(percpu_loom)))]
pub use integrations::prometheus_client;

/// For the models, which know no other crates' types.
#[doc(hidden)]
#[cfg(percpu_loom)]
pub use integrations::PerCpuF64 as __PerCpuF64;
