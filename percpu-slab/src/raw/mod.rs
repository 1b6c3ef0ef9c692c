//! The parts that pools, caches and the slab are made of.
//!
//! ```text
//!   get, put      Magazines: a stack of free items on every CPU
//!                     |  whole magazines, when a CPU runs empty or full
//!                 Depot: a bounded ring of full magazines, one a node
//!                     |  when the ring is empty or full
//!                 Source: where items come from and go to in the end
//! ```

mod batch;
mod collector;
mod depot;
mod magazine_options;
mod magazine_stats;
mod magazines;
mod source;
mod upkeep;

pub(crate) use collector::Collector;
pub use depot::Depot;
pub use magazine_options::MagazineOptions;
pub use magazine_stats::MagazineStats;
pub use magazines::Magazines;
pub use source::Source;
