//! The parts that pools, caches and the slab are made of.
//!
//! ```text
//!   get, put      Magazines: a stack of free items on every CPU
//!                     |  whole magazines, when a CPU runs empty or full
//!                 Depot: a bounded ring of full magazines, one a node
//!                     |  when the ring is empty or full
//!                 Source: where items come from and go to in the end
//! ```

mod batches;
mod depot;
mod magazines;
mod source;

pub use batches::Batches;
pub use depot::Depot;
pub use magazines::{MagazineOptions, Magazines};
pub use source::Source;
