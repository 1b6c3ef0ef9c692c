//! Pools: values, objects and numbers that are used again.
//!
//! | pool | of | and when none is left |
//! | --- | --- | --- |
//! | [`Pool`] | values that are made when they are wanted | makes one, up to a limit |
//! | [`FixedPool`] | objects that are made in advance | says so |
//! | [`IdPool`] | numbers below n | says so |
//!
//! ```text
//!   guard  builder           PoolGuard, OwnedPoolGuard, get | how a pool is made
//!       \  /
//!      typed   fixed   id    Pool, its values | FixedPool, guards | Id
//!     /  |  \     \    /
//! stats  |  recycle ids      what it did | what is done with what is back | IdPool
//!        |           |
//!     values   free_list  id_error     boxes, counted | ids no CPU has | why not
//! ```
//!
//! Guards are `Send` and hold nothing of a thread or CPU: a task may keep one over an
//! `.await`, and drop it wherever it ends. No operation of a pool waits for
//! another task.

mod builder;
mod fixed;
#[cfg_attr(not(percpu_loom), allow(unreachable_pub, reason = "the models reach it"))]
mod free_list;
mod guard;
mod id;
mod id_error;
mod ids;
#[cfg(all(feature = "prometheus", not(percpu_loom)))]
mod prometheus;
mod recycle;
mod stats;
mod typed;
mod values;

pub use builder::PoolBuilder;
pub use fixed::{FixedGuard, FixedPool, OwnedFixedGuard};
pub use guard::{OwnedPoolGuard, PoolGuard};
pub use id::Id;
pub use id_error::{Exhausted, NotTaken};
pub use ids::IdPool;
#[cfg(all(feature = "prometheus", not(percpu_loom)))]
pub use prometheus::PoolCollector;
pub use recycle::{AsIs, KeepIf, Recycle, Reset};
pub use stats::PoolStats;
pub use typed::Pool;

/// For the models.
#[doc(hidden)]
#[cfg(percpu_loom)]
pub use free_list::FreeList as __FreeList;
