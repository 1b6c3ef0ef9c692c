//! Dynamic memory: areas in chunks, one chunk more when all are full.
//!
//! ```text
//!   index (short lock): which bytes of which chunk      grow (long lock): one
//!   thread at a time asks the system for a chunk, while others go on freeing
//!   and allocating in the chunks there are
//! ```
//!
//! Lock order: `grow`, then `index`. Nothing waits for the system under `index`.

use super::chunk::Chunk;
use super::first_chunk::chunk_span;
use super::index::{ChunkId, ChunkSet};
use super::layout::Layout;
use super::pointer::pointer;
use super::request::{Limits, SizeError};
use crate::error::Error;
use crate::sys::memory::Reservation;
use crate::sys::sync::Mutex;

#[derive(Debug)]
pub(crate) struct Allocator {
    layout: Layout,
    first: usize,
    limits: Limits,
    index: Mutex<Index>,
    grow: Mutex<()>,
}

#[derive(Debug)]
struct Index {
    set: ChunkSet,
    /// Address of each chunk, by its number. The reserved part of the first
    /// chunk is a chunk of its own.
    bases: Vec<usize>,
    memory: Vec<Reservation>,
}

/// An area of every unit that was just handed out.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// What gives it back.
    pub(crate) area: Allocation,
    /// The per-CPU pointer of its first byte.
    pub(crate) pointer: usize,
    /// Bytes, rounded up to whole granules.
    pub(crate) size: usize,
    /// Whether it was used before, in some unit that is active.
    pub(crate) needs_zero: bool,
}

/// The right to give an area back, once. Small: every handle keeps one.
#[derive(Debug)]
pub(crate) struct Allocation {
    chunk: ChunkId,
    offset: u32,
}

impl Allocator {
    /// An allocator that begins with the dynamic part of the first chunk.
    pub(crate) fn new(layout: Layout, memory: Reservation) -> Self {
        let limits = Limits {
            max_size: layout.minimum_unit_size(),
            max_align: layout.page_size(),
            max_section: layout.unit_size(),
        };
        let dynamic = layout.dynamic_range();
        let hidden_end = layout.unit_size() - dynamic.end;
        // The static part ends anywhere, granules are whole.
        let hidden_start = dynamic.start.next_multiple_of(4);
        let chunk = Chunk::new(layout.unit_size(), layout.page_size(), hidden_start, hidden_end);
        let mut set = ChunkSet::new(limits);
        set.insert(chunk.immutable());
        let first = memory.base();
        let mut bases = vec![first];
        let reserved = layout.reserved_range();
        if !reserved.is_empty() {
            let (unit, page) = (layout.unit_size(), layout.page_size());
            let chunk = Chunk::new(unit, page, reserved.start, unit - reserved.end);
            set.insert_reserved(chunk.immutable());
            bases.push(first);
        }
        let index = Mutex::new(Index { set, bases, memory: vec![memory] });
        Self { layout, first, limits, index, grow: Mutex::new(()) }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn max_size(&self) -> usize {
        self.limits.max_size
    }

    pub(crate) fn chunk_count(&self) -> usize {
        self.index.lock().memory.len()
    }

    /// An area of `size` bytes at a multiple of `align` in every unit.
    pub(crate) fn alloc(&self, size: usize, align: usize) -> Result<Fresh, Error> {
        self.limits.check(size, align).map_err(|error| refused(error, size, align))?;
        self.alloc_with(|set| set.alloc(size, align))
    }

    /// An area for the statics of a link unit, from the reserved part of the
    /// first chunk if it has room; it may be as large as a unit.
    pub(crate) fn alloc_section(&self, size: usize, align: usize) -> Result<Fresh, Error> {
        self.limits.check_section(size, align).map_err(|error| refused(error, size, align))?;
        self.alloc_with(|set| {
            set.alloc_reserved(size, align).or_else(|| set.alloc_section(size, align))
        })
    }

    fn alloc_with(
        &self,
        mut find: impl FnMut(&mut ChunkSet) -> Option<(ChunkId, super::chunk::Area)>,
    ) -> Result<Fresh, Error> {
        if let Some(found) = self.index.lock().find(self.first, &mut find) {
            return Ok(found);
        }
        let _grow = self.grow.lock();
        // Another thread may have brought a chunk, or freed, meanwhile.
        if let Some(found) = self.index.lock().find(self.first, &mut find) {
            return Ok(found);
        }
        let no_span = Error::OutOfMemory { bytes: usize::MAX, errno: 12 };
        let span = chunk_span(&self.layout).ok_or(no_span)?;
        let memory = Reservation::new(span, self.layout.atom_size(), c"percpu: chunk")?;
        let chunk = Chunk::new(self.layout.unit_size(), self.layout.page_size(), 0, 0);
        let mut index = self.index.lock();
        let id = index.set.insert(chunk);
        debug_assert_eq!(id.index(), index.bases.len());
        index.bases.push(memory.base());
        index.memory.push(memory);
        let too_large = Error::TooLarge { size: span, max: self.limits.max_size };
        // A whole fresh chunk has room for whatever passed the check.
        index.find(self.first, &mut find).ok_or(too_large)
    }

    /// Takes an area back; whoever could look at it is gone.
    pub(crate) fn free(&self, area: Allocation) {
        let freed = self.index.lock().set.free(area.chunk, area.offset as usize);
        debug_assert!(freed.is_ok(), "an allocation is freed once: {freed:?}");
    }
}

impl Index {
    fn find(
        &mut self,
        first: usize,
        find: &mut impl FnMut(&mut ChunkSet) -> Option<(ChunkId, super::chunk::Area)>,
    ) -> Option<Fresh> {
        let (chunk, area) = find(&mut self.set)?;
        let base = self.bases[chunk.index()];
        Some(Fresh {
            // A unit has fewer than 2^30 granules of 4 bytes.
            area: Allocation { chunk, offset: area.offset as u32 },
            pointer: pointer(first, base, area.offset),
            size: area.size,
            needs_zero: area.needs_zero,
        })
    }
}

fn refused(error: SizeError, size: usize, align: usize) -> Error {
    match error {
        SizeError::Zero => Error::ZeroSize,
        SizeError::TooLarge { max } => Error::TooLarge { size, max },
        SizeError::BadAlign => Error::Alignment { align, max: align },
        SizeError::AlignTooLarge { max } => Error::Alignment { align, max },
    }
}
