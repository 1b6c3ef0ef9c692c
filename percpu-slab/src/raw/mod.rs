//! The parts that pools, caches and the slab are made of.
//!
//! ```text
//!   alloc, free   ObjectCache: the two below, and who keeps them alive
//!                     |
//!   get, put      Magazines: a stack of free items on every CPU
//!                     |  whole magazines, when a CPU runs empty or full
//!                 Depot: a bounded ring of full magazines, one a node
//!                     |  when the ring is empty or full
//!                 Source: where items come from and go to in the end
//!                 Slabs: objects of one layout, from slabs in spans
//! ```

mod batch;
mod batches;
mod cache_core;
mod claim;
mod collector;
mod depot;
mod hooks;
#[cfg(percpu_loom)]
mod life;
mod list;
mod magazine_options;
mod magazine_stats;
mod magazines;
pub(crate) mod memory;
mod miss;
mod node;
mod object_cache;
mod object_upkeep;
mod sizes;
mod slab;
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
mod slab_fork;
mod slab_options;
mod slab_stats;
mod slabs;
mod slabs_free;
mod slabs_refill;
mod source;
mod span;
mod upkeep;

pub use batches::Batches;
pub(crate) use cache_core::pointer;
pub(crate) use claim::Claim;
pub(crate) use collector::Collector;
pub use depot::Depot;
pub use hooks::{Hooks, Site};
pub use magazine_options::MagazineOptions;
pub use magazine_stats::MagazineStats;
pub use magazines::Magazines;
pub use object_cache::{ObjectCache, ObjectCacheOptions};
pub use sizes::{Geometry, MAX_OBJECTS, MAX_ORDER, PAGE, SPAN, magazine, min_objects, min_partial};
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
pub(crate) use slab_fork::HeldSlabs;
pub use slab_options::{Constructor, Numa, SlabOptions};
pub use slab_stats::{FreeError, SlabStats};
pub use slabs::Slabs;
pub use source::Source;
