//! The first chunk: which layout, and its memory.
//!
//! *Embed* lays units out by node in large allocations of the atom (2 MiB);
//! *page* packs them in one group, page by page, in less address space. *Auto*
//! is embed, and page should the system refuse that.

use super::layout::Layout;
use super::sizes::Sizes;
use crate::config::{Config, FirstChunk};
use crate::error::Error;
use crate::sys::memory::{Reservation, page_size};
use crate::sys::topology::Topology;

/// Large allocations are multiples of this: a huge page of x86-64 and arm64.
const EMBED_ATOM: usize = 2 << 20;

/// A laid out and reserved first chunk.
#[derive(Debug)]
pub(crate) struct First {
    pub(crate) layout: Layout,
    pub(crate) reservation: Reservation,
    /// What was chosen: never `Auto`.
    pub(crate) kind: FirstChunk,
}

/// Bytes of a whole chunk: all units, and the shared one behind them.
pub(crate) fn chunk_span(layout: &Layout) -> Option<usize> {
    layout.span().checked_add(layout.unit_size())
}

pub(crate) fn set_up(
    config: &Config,
    topology: &Topology,
    static_size: usize,
) -> Result<First, Error> {
    match config.first_chunk {
        FirstChunk::Embed => embed(config, topology, static_size),
        FirstChunk::Page => page(config, topology, static_size),
        FirstChunk::Auto => {
            embed(config, topology, static_size).or_else(|_| page(config, topology, static_size))
        }
    }
}

fn sizes(config: &Config, static_size: usize) -> Sizes {
    let sizes = Sizes::new(static_size).reserved(config.reserved).page(page_size());
    sizes.minimum_unit(config.minimum_unit)
}

fn embed(config: &Config, topology: &Topology, static_size: usize) -> Result<First, Error> {
    let sizes = sizes(config, static_size).dynamic(config.dynamic).atom(EMBED_ATOM);
    reserve(Layout::build(&sizes, topology)?, FirstChunk::Embed)
}

fn page(config: &Config, topology: &Topology, static_size: usize) -> Result<First, Error> {
    // One group whatever the nodes: placement is per page anyway.
    let cpus = topology.possible().iter().map(|cpu| cpu.get());
    let topology = Topology::builder().cpus(cpus).build()?;
    let sizes = sizes(config, static_size).dynamic(0).atom(page_size());
    reserve(Layout::build(&sizes, &topology)?, FirstChunk::Page)
}

fn reserve(layout: Layout, kind: FirstChunk) -> Result<First, Error> {
    let too_large = Error::OutOfMemory { bytes: usize::MAX, errno: 12 };
    let span = chunk_span(&layout).ok_or(too_large)?;
    let reservation = Reservation::new(span, layout.atom_size(), c"percpu: first chunk")?;
    Ok(First { layout, reservation, kind })
}
