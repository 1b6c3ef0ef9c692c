//! Where copies live: layout, chunks, units, statics.
//!
//! ```text
//!   first_chunk  chooses a layout and reserves it        units     which copies are in use
//!      |                                                 section   the statics' templates
//!   layout       the search, pure                        image     how they lie in a unit
//!   allocator    chunks on demand, zeroed areas          hidden    hardened mode
//!      |                                                 pointer   the number space
//!   index -> slots, chunk -> block -> bitmap             (pure: which bytes are taken)
//! ```
//!
//! A chunk is one reservation; its units lie at the same distances in every
//! chunk, so one table of bases serves all of them.

pub(crate) mod allocator;
mod bitmap;
mod block;
pub(crate) mod chunk;
mod chunk_check;
pub(crate) mod chunk_stats;
pub(crate) mod first_chunk;
#[cfg(percpu_linux)]
mod hidden;
pub(crate) mod image;
pub(crate) mod index;
pub(crate) mod layout;
mod layout_error;
mod layout_search;
mod layout_text;
pub(crate) mod pointer;
mod refresh;
pub(crate) mod request;
mod sanity;
mod search;
pub(crate) mod section;
mod sizes;
mod slots;
pub(crate) mod units;
mod update;

#[cfg(test)]
mod chunk_tests;
#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod naive;

pub use layout::{Group, Layout};
pub use layout_error::LayoutError;
pub use sanity::SanityError;
pub use sizes::Sizes;

#[cfg(test)]
use chunk::{Chunk, FreeError};
