//! Pools: values, objects and numbers that are used again.
//!
//! ```text
//!   guard  builder          PoolGuard, OwnedPoolGuard | how a pool is made
//!       \  /
//!      typed  stats         Pool<T>: values on every CPU | what it did
//!        |
//!      below                the source below its magazines, for one call
//!        |
//!   values  recycle         boxes, made and counted | what is done with one that is back
//! ```

mod builder;
mod guard;
mod recycle;
mod stats;
mod typed;
mod values;

pub use builder::PoolBuilder;
pub use guard::{OwnedPoolGuard, PoolGuard};
pub use recycle::{AsIs, KeepIf, Recycle, Reset};
pub use stats::PoolStats;
pub use typed::Pool;
