//! Chunks as memory: reserved whole, bound by group, backed in all units alike.
//!
//! ```text
//!   | group 0: unit 0 | unit 1 | ... | group 1: unit 4 | ... | shared unit |    one span
//!     bound to node 0                  bound to node 1         bound to none
//! ```
//!
//! One reservation a chunk makes its areas congruent by arithmetic. A page is
//! populated in every unit or in none: what fails half-way is taken back.

use core::ops::Range;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

use super::layout::Layout;
use crate::config::{Backing, Config};
use crate::error::Error;
use crate::sys::memory::{NO_MEMORY, Span, System, Wanted};
use crate::sys::topology::{NodeId, Topology};

/// How the span of every chunk is made.
#[derive(Debug)]
pub(crate) struct Plan {
    len: usize,
    align: usize,
    page: usize,
    /// Bytes of a unit that the first chunk uses.
    used: usize,
    /// Bytes of a unit.
    unit: usize,
    /// Where each unit starts: possible CPUs ascending, then shared.
    units: Box<[usize]>,
    /// Where memory should be; empty if that is not to be said.
    nodes: Box<[(Range<usize>, NodeId)]>,
    backing: Backing,
    dump: bool,
}

impl Plan {
    pub(crate) fn new(
        layout: &Layout,
        config: &Config,
        topology: &Topology,
    ) -> Result<Self, Error> {
        let no_span = Error::OutOfMemory { bytes: usize::MAX, errno: NO_MEMORY };
        let len = layout.span().checked_add(layout.unit_size()).ok_or(no_span)?;
        let offsets = topology.possible().iter().filter_map(|cpu| layout.unit_offset(cpu));
        let several = config.bind && topology.nodes().len() > 1 && layout.nr_groups() > 1;
        let groups = layout.areas().into_iter().zip(layout.groups()).filter(|_| several);
        let nodes = groups.map(|((start, len), group)| (start..start + len, group.node()));
        Ok(Self {
            len,
            align: layout.atom_size(),
            page: layout.page_size(),
            used: layout.size_sum(),
            unit: layout.unit_size(),
            units: offsets.chain([layout.span()]).collect(),
            nodes: nodes.collect(),
            backing: config.backing,
            dump: config.dump,
        })
    }
}

/// The system, asked for chunks.
#[derive(Debug)]
pub(crate) struct Spans<S> {
    plan: Plan,
    system: S,
    /// The error number with which the system last refused to bind memory.
    unbound: AtomicI32,
}

impl<S: System> Spans<S> {
    pub(crate) fn new(plan: Plan, system: S) -> Self {
        Self { plan, system, unbound: AtomicI32::new(0) }
    }

    pub(crate) fn backing(&self) -> Backing {
        self.plan.backing
    }

    /// Whether pages are backed before they are handed out.
    pub(crate) fn is_eager(&self) -> bool {
        self.plan.backing == Backing::Eager
    }

    /// Whether a page is backed when it is touched.
    pub(crate) fn is_lazy(&self) -> bool {
        self.plan.backing == Backing::Lazy
    }

    /// Where each unit starts in a span.
    pub(crate) fn units(&self) -> &[usize] {
        &self.plan.units
    }

    /// Why the system last refused to bind memory to a node, if it did.
    pub(crate) fn unbound(&self) -> Option<i32> {
        // Relaxed: a report.
        Some(self.unbound.load(Relaxed)).filter(|&errno| errno != 0)
    }

    /// The first chunk's span, backed as far as it will be used.
    pub(crate) fn first(&self) -> Result<S::Span, Error> {
        let span = self.reserve(c"percpu: first chunk")?;
        if self.is_eager() {
            self.populate_bytes(&span, 0..self.plan.used)?;
        }
        Ok(span)
    }

    /// One chunk more.
    pub(crate) fn chunk(&self) -> Result<S::Span, Error> {
        self.reserve(c"percpu: chunk")
    }

    fn reserve(&self, name: &'static core::ffi::CStr) -> Result<S::Span, Error> {
        let Plan { len, align, dump, .. } = self.plan;
        let huge = self.plan.backing == Backing::Huge;
        let span = self.system.reserve(Wanted { len, align, name, huge, dump });
        let span = span.map_err(|errno| Error::OutOfMemory { bytes: len, errno })?;
        for (range, node) in &self.plan.nodes {
            // Memory anywhere is better than none: the refusal is remembered.
            if let Err(errno) = span.bind(range.clone(), *node) {
                self.unbound.store(errno, Relaxed);
            }
        }
        if huge {
            self.populate_bytes(&span, 0..self.plan.unit)?;
        }
        Ok(span)
    }

    /// Backs pages of every unit, or of none.
    pub(crate) fn populate(&self, span: &S::Span, pages: Range<usize>) -> Result<(), Error> {
        self.populate_bytes(span, pages.start * self.plan.page..pages.end * self.plan.page)
    }

    fn populate_bytes(&self, span: &S::Span, bytes: Range<usize>) -> Result<(), Error> {
        for (nth, unit) in self.plan.units.iter().enumerate() {
            if let Err(errno) = span.populate(unit + bytes.start..unit + bytes.end) {
                for unit in &self.plan.units[..=nth] {
                    // Fails for nobody who just failed to get memory; if it does,
                    // the pages stay backed and are populated again later.
                    let _ = span.discard(unit + bytes.start..unit + bytes.end);
                }
                let bytes = bytes.len() * self.plan.units.len();
                return Err(Error::OutOfMemory { bytes, errno });
            }
        }
        Ok(())
    }

    /// Gives pages back in every unit. False if the system refuses: they may
    /// hold anything then.
    pub(crate) fn discard(&self, span: &S::Span, pages: Range<usize>) -> bool {
        let bytes = pages.start * self.plan.page..pages.end * self.plan.page;
        let mut all = true;
        for unit in &self.plan.units {
            // Each of them, whether or not one before was refused.
            all &= span.discard(unit + bytes.start..unit + bytes.end).is_ok();
        }
        all
    }
}
