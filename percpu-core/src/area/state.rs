//! What the short lock guards: the index of all chunks, and where they lie.

use std::sync::Arc;

use super::index::{ChunkId, ChunkSet};
use super::request::GRANULE;

#[derive(Debug)]
pub(super) struct Index<P> {
    pub(super) set: ChunkSet,
    /// By chunk number. The reserved chunk shares the first chunk's span.
    pub(super) spans: Vec<Option<Arc<P>>>,
    /// Chunks by address, ascending; the reserved chunk is not among them.
    pub(super) by_address: Vec<(usize, ChunkId)>,
    pub(super) totals: Totals,
    /// Whether a request that must not ask the system failed since the last top-up.
    pub(super) atomic_failed: bool,
}

/// What happened so far. Areas on shelves count as live.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) nr_alloc: u64,
    pub(super) nr_dealloc: u64,
    /// Freed areas that came from shelves, where they were counted already.
    pub(super) nr_flushed: u64,
    pub(super) nr_max_alloc: u64,
    pub(super) nr_max_chunks: usize,
    pub(super) min_alloc_size: usize,
    pub(super) max_alloc_size: usize,
    pub(super) failures: u64,
}

impl<P> Index<P> {
    /// The position of the chunk that begins last in front of an address.
    pub(super) fn nth(&self, address: usize) -> Option<usize> {
        self.by_address.partition_point(|&(base, _)| base <= address).checked_sub(1)
    }

    /// That chunk, and the bytes between.
    pub(super) fn locate(&self, address: usize) -> Option<(ChunkId, usize)> {
        let (base, id) = self.by_address[self.nth(address)?];
        Some((id, address - base))
    }

    /// The chunk that serves an offset of the units of chunk `id`: the reserved
    /// one lies beside the first chunk's dynamic part.
    pub(super) fn serving(&self, id: ChunkId, offset: usize) -> ChunkId {
        let serves = |id| self.set.get(id).is_some_and(|chunk| chunk.serves(offset));
        self.set.reserved().filter(|&reserved| !serves(id) && serves(reserved)).unwrap_or(id)
    }
}

impl Totals {
    pub(super) fn count(&mut self, size: usize) {
        let size = size.next_multiple_of(GRANULE);
        self.nr_alloc += 1;
        let live = self.nr_alloc - self.nr_dealloc - self.nr_flushed;
        self.nr_max_alloc = self.nr_max_alloc.max(live);
        self.max_alloc_size = self.max_alloc_size.max(size);
        self.min_alloc_size = match self.min_alloc_size {
            0 => size,
            least => least.min(size),
        };
    }
}
