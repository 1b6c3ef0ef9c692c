//! The parts that pools, caches and the slab are made of.
//!
//! ```text
//!   get, put      Magazines: a stack of free items on every CPU
//!                     |  whole magazines, when a CPU runs empty or full
//!                 Depot: a bounded ring of full magazines, one a node
//!                     |  when the ring is empty or full
//!                 Source: where items come from and go to in the end
//!                 Slabs: objects of one layout, from slabs in spans
//! ```

mod depot;
mod list;
mod magazines;
mod memory;
mod node;
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

pub use depot::Depot;
pub use magazines::{MagazineOptions, Magazines};
pub use sizes::{Geometry, MAX_OBJECTS, MAX_ORDER, PAGE, SPAN, magazine, min_objects, min_partial};
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
pub(crate) use slab_fork::HeldSlabs;
pub use slab_options::{Constructor, Numa, SlabOptions};
pub use slab_stats::{FreeError, SlabStats};
pub use slabs::Slabs;
pub use source::Source;
