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
//! | to | use |
//! | --- | --- |
//! | count, read, reset | [`Counter`] |
//! | go up and down, or be set | [`Gauge`] |
//! | know the least or the greatest value | [`Min`], [`Max`] |
//! | change several counters together | [`CounterSet`] |
//! | declare any of them | [`counter!`](macro@counter) |
//!
//! Features: `serde` makes snapshots data.

#![forbid(unsafe_code)]

mod approx;
#[cfg(not(percpu_loom))]
mod approx_many;
#[cfg_attr(percpu_loom, path = "base_loom.rs")]
mod base;
mod budget;
mod counter;
mod delta;
mod extreme;
mod fields;
mod gauge;
mod min_max;
mod rebased;
mod set;
mod snapshot;
mod statics;
mod storage;

pub use approx::{ApproxCounter, StaticApproxCounter};
#[cfg(not(percpu_loom))]
pub use approx_many::{ApproxCounterRef, ApproxCounters};
pub use budget::{Budget, BudgetBuilder, LimitExceeded, Reservation, StaticBudget};
pub use counter::{Counter, StaticCounter};
pub use fields::CounterFields;
pub use gauge::{Gauge, StaticGauge};
pub use min_max::{Extremal, Max, Min, StaticMax, StaticMin};
pub use percpu_core::Error;
pub use set::{CounterSet, StaticCounterSet};
pub use snapshot::Snapshot;

#[doc(hidden)]
pub use base::Base as __Base;
#[doc(hidden)]
pub use percpu_core as __core;
