//! Dynamic memory: areas in chunks, one chunk more when all are full.
//!
//! ```text
//!   front   (a unit's shelf, tried)   small areas that were just freed
//!   index   (short lock)              which bytes of which chunk
//!   grow    (long lock)               one thread at a time asks the system for
//!                                     chunks and pages, or gives them back, while
//!                                     others go on allocating and freeing
//! ```
//!
//! Lock order: `grow`, then `index`; shelves are tried only. Nothing waits for
//! the system under `index`, and `free` never waits for `grow`.
//!
//! What is handed out lies in populated pages (I6). A chunk that holds an area
//! stays, so its span can be used without `index`.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use super::chunk::{Area, Chunk, Pages};
use super::front::Front;
use super::index::{ChunkId, ChunkSet};
use super::layout::Layout;
use super::pointer::{BIAS, pointer};
use super::purge::purge_once;
use super::reclaim::EMPTY_LOW;
use super::request::{GRANULE, Limits, Region, Request, SizeError};
use super::spans::Spans;
use super::state::{Index, Totals};
use crate::config::Backing;
use crate::error::Error;
#[cfg(percpu_linux)]
use crate::sys::memory::Mapping;
use crate::sys::memory::{Machine, Span, System};
use crate::sys::sync::Mutex;
#[cfg(percpu_linux)]
use crate::sys::sync::MutexGuard;
use crate::trace::{self, News};

#[derive(Debug)]
pub(crate) struct Allocator<S: System = Machine> {
    pub(super) layout: Layout,
    pub(super) spans: Spans<S>,
    /// Address of the first chunk.
    pub(super) first: usize,
    limits: Limits,
    pub(super) front: Front,
    pub(super) index: Mutex<Index<S::Span>>,
    pub(super) grow: Mutex<()>,
    /// Whether a `balance` would find something to do.
    pub(super) due: AtomicBool,
    /// Whether a free left its share of that to the next one.
    pub(super) owed: AtomicBool,
}

/// An area of every unit that was just handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fresh {
    /// The per-CPU pointer of its first byte.
    pub(crate) pointer: usize,
    /// Whether it was used before, in some unit that is active.
    pub(crate) needs_zero: bool,
}

/// Where an address lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    /// The chunk's position by address.
    pub(crate) chunk: usize,
    /// Its first address, and whether it is the first chunk.
    pub(crate) base: usize,
    pub(crate) is_first: bool,
    /// The position of the unit in it.
    pub(crate) slot: usize,
    /// Bytes from the start of the unit.
    pub(crate) offset: usize,
}

/// An area and the chunk it was found in.
type Found = (ChunkId, Area);

/// Keeps areas from being handed out and given back, shelves aside: those are
/// tried only, so one that stays locked in a child is done without.
#[cfg(percpu_linux)]
#[allow(dead_code, reason = "held, not read")]
pub(crate) struct Held<'a, P = Mapping> {
    index: MutexGuard<'a, Index<P>>,
    grow: MutexGuard<'a, ()>,
}

impl<S: System> Allocator<S> {
    /// An allocator that begins with what the first chunk has left.
    pub(crate) fn new(layout: Layout, spans: Spans<S>, span: S::Span) -> Self {
        let limits = Limits {
            max_size: layout.minimum_unit_size(),
            max_align: layout.page_size(),
            max_section: layout.unit_size(),
        };
        let chunk = |served: core::ops::Range<usize>| {
            // Parts end anywhere, granules are whole. Behind the last page served
            // there is nothing to keep an index of.
            let (start, page) = (served.start.next_multiple_of(GRANULE), layout.page_size());
            let end = served.end.next_multiple_of(page);
            let mut chunk = Chunk::new(end, page, start, end - served.end);
            chunk.mark_populated(start / page..end / page);
            chunk.immutable()
        };
        let first = span.base();
        let span = Arc::new(span);
        let mut set = ChunkSet::new(limits);
        let dynamic = set.insert(chunk(layout.dynamic_range()));
        let mut index = Index {
            set,
            spans: vec![Some(span.clone())],
            by_address: vec![(first, dynamic)],
            totals: Totals { nr_max_chunks: 1, ..Totals::default() },
            atomic_failed: false,
        };
        if layout.reserved_size() > 0 {
            index.set.insert_reserved(chunk(layout.reserved_range()));
            index.spans.push(Some(span));
        }
        Self {
            limits,
            first,
            front: Front::new(spans.units().len()),
            spans,
            layout,
            index: Mutex::new(index),
            grow: Mutex::new(()),
            due: AtomicBool::new(false),
            owed: AtomicBool::new(false),
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn max_size(&self) -> usize {
        self.limits.max_size
    }

    pub(crate) fn chunk_count(&self) -> usize {
        self.index.lock().by_address.len()
    }

    /// An area of every unit; `unit` says whose shelf is tried.
    #[inline]
    pub(crate) fn alloc(&self, request: Request, unit: u32) -> Result<Fresh, Error> {
        // What the index would refuse is not on a shelf by chance.
        let align = request.align.is_power_of_two() && request.align <= self.limits.max_align;
        if request.region == Region::Dynamic && align {
            if let Some(pointer) = self.front.take(unit, request.size, request.align) {
                trace::alloc(request, pointer);
                return Ok(Fresh { pointer, needs_zero: true });
            }
        }
        self.alloc_indexed(request)
    }

    #[cold]
    fn alloc_indexed(&self, request: Request) -> Result<Fresh, Error> {
        let outcome = self.checked(request).and_then(|()| self.find_or_grow(request));
        let outcome = outcome.and_then(|(found, fresh)| match self.spans.is_eager() {
            true => self.back(found).map(|()| fresh),
            false => Ok(fresh),
        });
        match &outcome {
            Ok(fresh) => trace::alloc(request, fresh.pointer),
            Err(error) => {
                self.index.lock().totals.failures += 1;
                trace::alloc_fail(request, error);
            }
        }
        outcome
    }

    fn checked(&self, request: Request) -> Result<(), Error> {
        let Request { size, align, .. } = request;
        let checked = match request.region {
            Region::Dynamic => self.limits.check(size, align),
            Region::Reserved | Region::Section => self.limits.check_section(size, align),
        };
        checked.map_err(|error| match error {
            SizeError::Zero => Error::ZeroSize,
            SizeError::TooLarge { max } => Error::TooLarge { size, max },
            SizeError::BadAlign => Error::Alignment { align, max: align },
            SizeError::AlignTooLarge { max } => Error::Alignment { align, max },
        })
    }

    fn find_or_grow(&self, request: Request) -> Result<(Found, Fresh), Error> {
        if let Some(found) = self.find(request) {
            return Ok(found);
        }
        let size = request.size;
        if request.region == Region::Reserved && self.layout.reserved_size() > 0 {
            return Err(Error::ReservedFull { size });
        }
        if !request.blocking {
            self.index.lock().atomic_failed = true;
            // Relaxed: a hint to balance.
            self.due.store(true, Relaxed);
            return Err(Error::WouldBlock { size });
        }
        let mut news = News::default();
        let _grow = self.grow.lock();
        loop {
            // Another thread may have brought a chunk, or freed, meanwhile; and one
            // may have been quicker to use the room of the chunk that came.
            if let Some(found) = self.find(request) {
                return Ok(found);
            }
            self.add_chunk(&mut news)?;
        }
    }

    fn find(&self, request: Request) -> Option<(Found, Fresh)> {
        let Request { size, align, .. } = request;
        // Pages that are backed at a touch may be handed out as they are.
        let pages = match request.blocking || !self.spans.is_eager() {
            true => Pages::Any,
            false => Pages::Populated,
        };
        let mut index = self.index.lock();
        let set = &mut index.set;
        let found = match request.region {
            Region::Dynamic => set.alloc_in(size, align, pages),
            Region::Reserved => set.alloc_reserved(size, align),
            Region::Section => {
                set.alloc_reserved(size, align).or_else(|| set.alloc_section(size, align))
            }
        }?;
        let (id, area) = found;
        if !self.spans.is_eager() {
            while let Some(pages) = set.get(id).and_then(|chunk| chunk.unpopulated_in(&area)) {
                set.mark_populated(id, pages);
            }
        } else if set.empty_populated_pages() < EMPTY_LOW {
            // Relaxed: a hint to balance.
            self.due.store(true, Relaxed);
        }
        let base = index.spans[id.index()].as_ref()?.base();
        index.totals.count(size);
        let pointer = pointer(self.first, base, area.offset);
        Some((found, Fresh { pointer, needs_zero: area.needs_zero }))
    }

    /// Backs the pages of an area that was just found.
    fn back(&self, (id, area): Found) -> Result<(), Error> {
        loop {
            let missing = |index: &Index<S::Span>| {
                let pages = index.set.get(id).and_then(|chunk| chunk.unpopulated_in(&area));
                pages.zip(index.spans[id.index()].clone())
            };
            if missing(&self.index.lock()).is_none() {
                return Ok(());
            }
            let _grow = self.grow.lock();
            // Another thread may have populated them meanwhile.
            let Some((pages, span)) = missing(&self.index.lock()) else { return Ok(()) };
            let populated = self.spans.populate(&span, pages.clone());
            let mut index = self.index.lock();
            if let Err(error) = populated {
                let freed = index.set.free(id, area.offset);
                debug_assert!(freed.is_ok(), "just found: {freed:?}");
                index.totals.nr_alloc -= 1;
                return Err(error);
            }
            index.set.mark_populated(id, pages);
        }
    }

    /// One chunk more; `grow` is held. If the system refuses, what can be given
    /// back is, and it is asked once more.
    pub(super) fn add_chunk(&self, news: &mut News) -> Result<(), Error> {
        let span = purge_once(|| self.spans.chunk(), |_| true, || self.purge(news))?;
        let layout = &self.layout;
        let mut chunk = Chunk::new(layout.unit_size(), layout.page_size(), 0, 0);
        if self.spans.backing() == Backing::Huge {
            // Backed as a whole, and not given back by pages.
            chunk.mark_populated(0..chunk.nr_blocks());
        }
        let base = span.base();
        let mut index = self.index.lock();
        let id = index.set.insert(chunk);
        if index.spans.len() <= id.index() {
            index.spans.resize_with(id.index() + 1, || None);
        }
        index.spans[id.index()] = Some(Arc::new(span));
        let at = index.by_address.partition_point(|&(address, _)| address < base);
        index.by_address.insert(at, (base, id));
        index.totals.nr_max_chunks = index.totals.nr_max_chunks.max(index.by_address.len());
        news.made(base);
        Ok(())
    }

    /// Takes back an area of `size` bytes; whoever could look at it is gone.
    #[inline]
    pub(crate) fn free(&self, pointer: usize, size: usize, unit: u32) {
        trace::free(pointer);
        // What lies in the reserved region is not for everybody.
        let reserved = self.layout.reserved_range().contains(&pointer.wrapping_sub(BIAS));
        if reserved || !self.front.put(unit, pointer, size) {
            self.free_indexed(pointer);
        }
    }

    #[cold]
    fn free_indexed(&self, pointer: usize) {
        let mut index = self.index.lock();
        index.totals.nr_dealloc += 1;
        let due = self.give_back(&mut index, pointer);
        drop(index);
        // Relaxed: a hint.
        if due || self.owed.load(Relaxed) {
            self.share();
        }
    }

    /// Holds the locks, over a fork.
    #[cfg(percpu_linux)]
    pub(crate) fn hold(&self) -> Held<'_, S::Span> {
        let grow = self.grow.lock();
        Held { index: self.index.lock(), grow }
    }

    /// Where an address lies, if in some chunk.
    pub(crate) fn locate(&self, address: usize) -> Option<Located> {
        let index = self.index.lock();
        let chunk = index.nth(address)?;
        let base = index.by_address[chunk].0;
        let (slot, offset) = ((address - base) / self.unit(), (address - base) % self.unit());
        // The shared unit is behind the others.
        let is_first = base == self.first;
        let located = Located { chunk, base, is_first, slot, offset };
        (slot <= self.layout.nr_units()).then_some(located)
    }

    fn unit(&self) -> usize {
        self.layout.unit_size()
    }

    /// Hands what the shelves hold to the index.
    pub(super) fn flush(&self) {
        self.front.flush(|pointer| self.take_off(pointer));
    }

    /// The same for the shelf of one unit, whose CPU is gone.
    pub(crate) fn drain(&self, unit: u32) {
        self.front.flush_unit(unit, |pointer| self.take_off(pointer));
    }

    fn take_off(&self, pointer: usize) {
        let mut index = self.index.lock();
        index.totals.nr_flushed += 1;
        self.give_back(&mut index, pointer);
    }

    /// The index's part of a free; answers whether there is now something to
    /// give back to the system.
    fn give_back(&self, index: &mut Index<S::Span>, pointer: usize) -> bool {
        let found = index.locate(self.first.wrapping_add(pointer.wrapping_sub(BIAS)));
        let found = found.map(|(id, offset)| (index.serving(id, offset), offset));
        let freed = found.map(|(id, offset)| index.set.free(id, offset));
        debug_assert!(matches!(freed, Some(Ok(_))), "an area is freed once: {freed:?}");
        matches!(freed, Some(Ok(freed)) if freed.balance_due)
    }
}
