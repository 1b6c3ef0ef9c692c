//! Where copies live: layout, chunks, units, statics.
//!
//! ```text
//!   first_chunk  chooses a layout and reserves it        units     which copies are in use
//!      |                                                 section   the statics' templates
//!   layout       the search, pure                        image     how they lie in a unit
//!   allocator    front (shelves), balance, stats         hidden    hardened mode
//!      |      \                                          pointer   the number space
//!      |     spans   chunks as memory: reserved, bound, populated
//!   state -> index (reclaim) -> slots, chunk (populate) -> block -> bitmap
//!                                                        (pure: which bytes are taken)
//!   vm_area      congruent areas, pure
//! ```
//!
//! A chunk is one reservation; its units lie at the same distances in every
//! chunk, so one table of bases serves all of them.

mod address_space;
mod address_space_error;
pub(crate) mod allocator;
pub(crate) mod balance;
mod bitmap;
mod block;
pub(crate) mod chunk;
mod chunk_check;
pub(crate) mod chunk_stats;
pub(crate) mod first_chunk;
mod front;
#[cfg(percpu_linux)]
mod hidden;
pub(crate) mod image;
pub(crate) mod index;
pub(crate) mod layout;
pub(crate) mod layout_error;
mod layout_search;
mod layout_space;
mod layout_text;
pub(crate) mod pointer;
mod populate;
pub(crate) mod purge;
pub(crate) mod reclaim;
mod refresh;
pub(crate) mod registered;
pub(crate) mod request;
pub(crate) mod sanity;
mod search;
pub(crate) mod section;
mod sizes;
mod slots;
mod spans;
mod state;
mod stats;
pub(crate) mod units;
mod update;
mod vm_area;

#[cfg(test)]
mod allocator_tests;
#[cfg(any(test, fuzzing))]
pub(crate) mod bitmap_walk;
#[cfg(test)]
mod chunk_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod naive;
#[cfg(any(test, fuzzing))]
pub(crate) mod pretend_drive;
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), allow(dead_code, reason = "the tests use all of it"))]
mod pretend_machine;
#[cfg(test)]
mod reclaim_tests;

pub use address_space::AddressSpace;
pub use address_space_error::AddressSpaceError;
pub use balance::Balanced;
pub use chunk_stats::ChunkStats;
pub use layout::{Group, Layout};
pub use layout_error::LayoutError;
pub use sanity::SanityError;
pub use sizes::Sizes;
pub use stats::{ChunkKind, ChunkRow, Stats};

#[cfg(test)]
use chunk::{Chunk, FreeError, Pages};
