//! Where copies live: layout, chunks, units, statics.
//!
//! ```text
//!   first_chunk  chooses a layout and reserves it        units     which copies are in use
//!      |                                                 section   the statics' templates
//!   layout       the search, pure                        pointer   the number space
//!   allocator    chunks on demand, zeroed areas
//!      |
//!   index -> slots, chunk -> block -> bitmap             (pure: which bytes are taken)
//! ```
//!
//! A chunk is one reservation; its units lie at the same distances in every
//! chunk, so one table of bases serves all of them.

pub(crate) mod allocator;
pub(crate) mod first_chunk;
mod layout;
mod layout_error;
mod layout_search;
mod layout_text;
pub(crate) mod pointer;
mod sanity;
pub(crate) mod section;
mod sizes;
pub(crate) mod units;

pub use layout::{Group, Layout};
pub use layout_error::LayoutError;
pub use sanity::SanityError;
pub use sizes::Sizes;
