//! Per-CPU variables in user space.

mod area;
mod cpu;
mod sys;

pub use cpu::CpuId;

/// What fuzz targets reach into; no promise is made about it.
#[doc(hidden)]
pub mod __fuzz {
    pub use crate::area::chunk::{Area, Chunk, FreeError};
    pub use crate::area::chunk_stats::{Allocations, ChunkStats};
    pub use crate::area::index::{ChunkId, ChunkSet, Freed};
    pub use crate::area::request::{GRANULE, Limits, MIN_UNIT_BYTES, SizeError};
}
