//! Fixed-size objects that are allocated and freed all day.
//!
//! ```text
//!   Cache<T>  Prefilled  CacheAllocator          a user's handles
//!       |  alloc                ^
//!       v                       | drop, on any thread
//!   Object<T>  -----------------+
//!       |
//!   raw::ObjectCache     magazines over slabs; knows no T
//! ```

#[cfg(feature = "allocator-api2")]
mod allocator;
mod builder;
mod bulk;
#[cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
mod deferred;
mod failed;
mod forward;
mod object;
mod prefilled;
#[cfg(feature = "prometheus")]
mod prometheus;
mod stats;
mod typed;

#[cfg(feature = "allocator-api2")]
pub use allocator::CacheAllocator;
pub use builder::CacheBuilder;
pub use bulk::free_bulk;
pub use failed::{AllocError, LiveObjects};
pub use object::Object;
pub use prefilled::Prefilled;
#[cfg(feature = "prometheus")]
pub use prometheus::CacheCollector;
pub use stats::CacheStats;
pub use typed::Cache;
