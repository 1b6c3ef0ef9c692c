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
pub(crate) mod pointer;
pub(crate) mod section;
pub(crate) mod units;
