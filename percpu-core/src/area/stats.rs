//! [`Stats`]: the kernel's `percpu_stats`, of this allocator.

use core::fmt;

use super::allocator::Allocator;
use super::chunk::Chunk;
use super::chunk_stats::ChunkStats;
use super::index::ChunkId;
use crate::sys::memory::System;

/// What the allocator did and holds, as of one moment; from
/// [`stats`](crate::stats()).
///
/// The fields are the kernel's `percpu_stats`, and a few of our own. `Display`
/// prints them as that file does. All sizes are bytes of *one* unit unless they
/// say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "percpu_stats")]
#[doc(alias = "pcpu_stats")]
pub struct Stats {
    /// Bytes of a unit.
    pub unit_size: usize,
    /// Bytes of the statics.
    pub static_size: usize,
    /// Bytes set apart for the statics of libraries that come later.
    pub reserved_size: usize,
    /// Bytes of the first chunk for dynamic memory.
    pub dyn_size: usize,
    /// Bytes that the parts of a chunk are multiples of.
    pub atom_size: usize,
    /// Bytes that the units of one group are allocated in.
    pub alloc_size: usize,
    /// Units, the shared one included.
    pub units: usize,
    /// Units that are in use.
    pub active_units: usize,
    /// Allocations so far.
    pub nr_alloc: u64,
    /// Of them, given back.
    pub nr_dealloc: u64,
    /// Live allocations.
    pub nr_cur_alloc: u64,
    /// The most there have been at a time; areas in front caches count as live.
    pub nr_max_alloc: u64,
    /// Chunks, the first included.
    pub nr_chunks: usize,
    /// The most there have been at a time.
    pub nr_max_chunks: usize,
    /// The smallest allocation so far, rounded up to 4 bytes.
    pub min_alloc_size: usize,
    /// The largest allocation so far.
    pub max_alloc_size: usize,
    /// Populated pages with nothing in use.
    pub empty_pop_pages: usize,
    /// Populated pages of a unit, in all chunks.
    pub populated_pages: usize,
    /// Bytes of all units in populated pages: what per-CPU memory takes from the
    /// machine, or would if every copy were touched. The kernel's `Percpu` line.
    pub backing_bytes: usize,
    /// Areas that are kept in front caches, for the next allocation.
    pub front_cached: u64,
    /// Allocations that were refused.
    pub alloc_failures: u64,
    /// Bytes that the allocator needs for itself.
    pub metadata_bytes: usize,
    /// Why the system last refused to bind memory to a node: its error number.
    pub unbound: Option<i32>,
    /// Sections that were aborted and restarted, in all threads.
    pub aborts: u64,
    /// Operations that went to the shared unit, for want of rseq in their thread.
    pub fallbacks: u64,
    /// A row a chunk, lowest address first; a reserved chunk last.
    pub chunks: Vec<ChunkRow>,
}

/// A chunk's row in [`Stats`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChunkRow {
    /// Which chunk this is.
    pub kind: ChunkKind,
    /// Populated pages.
    pub populated_pages: usize,
    /// Populated pages with nothing in use.
    pub empty_pop_pages: usize,
    /// The rest.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub stats: ChunkStats,
}

/// What a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChunkKind {
    /// The dynamic part of the first chunk.
    First,
    /// Its reserved part.
    Reserved,
    /// One that came later.
    Dynamic,
    /// One whose pages are being given back, or were.
    Isolated,
}

impl<S: System> Allocator<S> {
    /// What there is, with so many units active.
    pub(crate) fn stats(&self, active_units: usize) -> Stats {
        let front = self.front.stats();
        let layout = &self.layout;
        let units = self.spans.units().len();
        // Under the lock only what needs it: rows are made of every allocation.
        let index = self.index.lock();
        let totals = index.totals;
        let row = |id: ChunkId, chunk: &Chunk| ChunkRow {
            kind: match () {
                () if Some(id) == index.set.reserved() => ChunkKind::Reserved,
                () if chunk.is_immutable() => ChunkKind::First,
                () if index.set.is_isolated(id) => ChunkKind::Isolated,
                () => ChunkKind::Dynamic,
            },
            populated_pages: chunk.populated_pages(),
            empty_pop_pages: chunk.empty_populated_pages(),
            stats: chunk.stats(),
        };
        let listed = index.by_address.iter().map(|&(_, id)| id).chain(index.set.reserved());
        let chunks: Vec<_> = listed.filter_map(|id| Some(row(id, index.set.get(id)?))).collect();
        let later = index.set.iter().filter(|(_, chunk)| !chunk.is_immutable());
        let later = later.map(|(_, chunk)| chunk.populated_pages()).sum::<usize>();
        let populated_pages = layout.size_sum() / layout.page_size() + later;
        let empty_pop_pages = index.set.empty_populated_pages();
        let maps = index.set.iter().map(|(_, chunk)| chunk.metadata_bytes()).sum::<usize>();
        let nr_chunks = index.by_address.len();
        drop(index);

        let backed = if self.spans.is_lazy() { active_units } else { units };
        let (nr_alloc, nr_dealloc) =
            (totals.nr_alloc + front.allocs, totals.nr_dealloc + front.frees);
        Stats {
            unit_size: layout.unit_size(),
            static_size: layout.static_size(),
            reserved_size: layout.reserved_size(),
            dyn_size: layout.dynamic_size(),
            atom_size: layout.atom_size(),
            alloc_size: layout.alloc_size(),
            units,
            active_units,
            nr_alloc,
            nr_dealloc,
            nr_cur_alloc: nr_alloc - nr_dealloc,
            nr_max_alloc: totals.nr_max_alloc,
            nr_chunks,
            nr_max_chunks: totals.nr_max_chunks,
            min_alloc_size: totals.min_alloc_size,
            max_alloc_size: totals.max_alloc_size,
            empty_pop_pages,
            populated_pages,
            backing_bytes: populated_pages * layout.page_size() * backed,
            front_cached: front.kept,
            alloc_failures: totals.failures,
            metadata_bytes: maps + front.metadata + size_of::<Self>(),
            unbound: self.spans.unbound(),
            aborts: 0,
            fallbacks: 0,
            chunks,
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<20}: {value:>12}");
        row("unit_size", &self.unit_size)?;
        row("static_size", &self.static_size)?;
        row("reserved_size", &self.reserved_size)?;
        row("dyn_size", &self.dyn_size)?;
        row("atom_size", &self.atom_size)?;
        row("alloc_size", &self.alloc_size)?;
        row("units", &self.units)?;
        row("active_units", &self.active_units)?;
        row("nr_alloc", &self.nr_alloc)?;
        row("nr_dealloc", &self.nr_dealloc)?;
        row("nr_cur_alloc", &self.nr_cur_alloc)?;
        row("nr_max_alloc", &self.nr_max_alloc)?;
        row("nr_chunks", &self.nr_chunks)?;
        row("nr_max_chunks", &self.nr_max_chunks)?;
        row("min_alloc_size", &self.min_alloc_size)?;
        row("max_alloc_size", &self.max_alloc_size)?;
        row("empty_pop_pages", &self.empty_pop_pages)?;
        row("populated_pages", &self.populated_pages)?;
        row("backing_bytes", &self.backing_bytes)?;
        row("front_cached", &self.front_cached)?;
        row("alloc_failures", &self.alloc_failures)?;
        row("metadata_bytes", &self.metadata_bytes)?;
        row("aborts", &self.aborts)?;
        row("fallbacks", &self.fallbacks)?;
        if let Some(errno) = self.unbound {
            row("unbound (error)", &errno)?;
        }
        for chunk in &self.chunks {
            write!(f, "{chunk}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ChunkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ChunkKind::First => " <- First Chunk",
            ChunkKind::Reserved => " <- Reserved Chunk",
            ChunkKind::Isolated => " <- Isolated",
            ChunkKind::Dynamic => "",
        };
        writeln!(f, "Chunk:{kind}")?;
        let mut row = |name: &str, value: usize| writeln!(f, "  {name:<20}: {value:>12}");
        let stats = &self.stats;
        row("nr_alloc", stats.nr_alloc)?;
        row("max_alloc_size", stats.max_alloc_size)?;
        row("populated_pages", self.populated_pages)?;
        row("empty_pop_pages", self.empty_pop_pages)?;
        row("first_bit", stats.first_bit)?;
        row("free_bytes", stats.free_bytes)?;
        row("contig_bytes", stats.contig_bytes)?;
        row("sum_frag", stats.sum_frag)?;
        row("max_frag", stats.max_frag)?;
        row("cur_min_alloc", stats.cur_min_alloc)?;
        row("cur_med_alloc", stats.cur_med_alloc)?;
        row("cur_max_alloc", stats.cur_max_alloc)
    }
}
