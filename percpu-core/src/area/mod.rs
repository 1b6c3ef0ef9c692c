//! Where copies live: layout, chunks, units.

mod bitmap;
mod block;
pub(crate) mod chunk;
mod chunk_check;
pub(crate) mod chunk_stats;
pub(crate) mod index;
mod refresh;
pub(crate) mod request;
mod search;
mod slots;
mod update;

#[cfg(test)]
mod chunk_tests;
#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod naive;

#[cfg(test)]
use chunk::{Chunk, FreeError};
