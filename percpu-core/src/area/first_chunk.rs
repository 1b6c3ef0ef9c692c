//! The first chunk: which layout, and its memory.
//!
//! *Embed* lays units out by node in large allocations of the atom (2 MiB);
//! *page* packs them in one group, page by page, in less address space. *Auto*
//! is embed, and page should embed span too much of the address space, or the
//! system refuse it.

use super::layout::Layout;
use super::sizes::Sizes;
use super::spans::{Plan, Spans};
use crate::config::{Config, FirstChunk};
use crate::error::Error;
use crate::sys::memory::{Span, System};
use crate::sys::topology::Topology;

/// Large allocations are multiples of this: a huge page of x86-64 and arm64.
const EMBED_ATOM: usize = 2 << 20;

/// A laid out, reserved and checked first chunk.
#[derive(Debug)]
pub(crate) struct First<S: System> {
    pub(crate) layout: Layout,
    pub(crate) spans: Spans<S>,
    pub(crate) span: S::Span,
    /// What was chosen: never `Auto`.
    pub(crate) kind: FirstChunk,
}

pub(crate) fn set_up<S: System + Clone>(
    config: &Config,
    topology: &Topology,
    static_size: usize,
    system: S,
) -> Result<First<S>, Error> {
    let embed = |system| embed(config, topology, static_size, system);
    let page = |system| page(config, topology, static_size, system);
    match config.first_chunk {
        FirstChunk::Embed => embed(system),
        FirstChunk::Page => page(system),
        FirstChunk::Auto => embed(system.clone()).or_else(|_| page(system)),
    }
}

fn sizes(config: &Config, static_size: usize, page: usize) -> Sizes {
    Sizes::new(static_size).reserved(config.reserved).page(page).minimum_unit(config.minimum_unit)
}

fn embed<S: System>(
    config: &Config,
    topology: &Topology,
    static_size: usize,
    system: S,
) -> Result<First<S>, Error> {
    let sizes = sizes(config, static_size, system.page_size());
    let sizes = sizes.dynamic(config.dynamic).atom(EMBED_ATOM);
    let layout = Layout::build(&sizes, topology)?;
    layout.fits(system.address_space())?;
    reserve(layout, config, topology, FirstChunk::Embed, system)
}

fn page<S: System>(
    config: &Config,
    topology: &Topology,
    static_size: usize,
    system: S,
) -> Result<First<S>, Error> {
    // One group whatever the nodes: units lie page by page.
    let cpus = topology.possible().iter().map(|cpu| cpu.get());
    let one_node = Topology::builder().cpus(cpus).build()?;
    let page = system.page_size();
    let sizes = sizes(config, static_size, page).dynamic(0).atom(page);
    reserve(Layout::build(&sizes, &one_node)?, config, topology, FirstChunk::Page, system)
}

fn reserve<S: System>(
    layout: Layout,
    config: &Config,
    topology: &Topology,
    kind: FirstChunk,
    system: S,
) -> Result<First<S>, Error> {
    let broken = |rule| Error::Sanity { rule, layout: layout.to_string() };
    layout.sanity(topology).map_err(broken)?;
    let spans = Spans::new(Plan::new(&layout, config, topology)?, system);
    let span = spans.first()?;
    // A template is copied from wherever it lies; 0 stands for it.
    layout.sanity_of_addresses(span.base(), 0).map_err(broken)?;
    Ok(First { layout, spans, span, kind })
}
