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
//! [`Domain`] waits for readers who do no more than count themselves in and out.

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
mod gauge;
mod grace_period;
mod inside;
mod rebased;
mod statics;
mod storage;
mod sync;

pub use approx::{ApproxCounter, StaticApproxCounter};
#[cfg(not(percpu_loom))]
pub use approx_many::{ApproxCounterRef, ApproxCounters};
pub use budget::{Budget, BudgetBuilder, LimitExceeded, Reservation, StaticBudget};
pub use callbacks::GracePeriod;
pub use counter::{Counter, StaticCounter};
pub use domain::{Domain, OwnedReadGuard, ReadGuard};
pub use gauge::{Gauge, StaticGauge};
pub use percpu_core::Error;

#[doc(hidden)]
pub use base::Base as __Base;
#[doc(hidden)]
pub use percpu_core as __core;
