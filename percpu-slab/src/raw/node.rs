//! [`Node`]: the slabs and spans of one node of memory, behind its lock.

use percpu_core::__raw::{Mutex, MutexGuard};

use super::list::List;
use super::slab::Slab;
use super::span::Span;

/// One node of memory. On lines of its own: two, as processors fetch them by pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Node(Mutex<Lists>);

/// What a node has.
#[derive(Debug)]
pub(super) struct Lists {
    /// Slabs with free objects.
    pub(super) partial: List<Slab>,
    /// Spans with free slabs.
    pub(super) open: List<Span>,
    /// Spans without.
    pub(super) full: List<Span>,
    /// Slabs that exist.
    pub(super) slabs: usize,
    /// Nothing is allocated any more.
    pub(super) closed: bool,
}

impl Node {
    const EMPTY: Lists = Lists {
        partial: List::new(),
        open: List::new(),
        full: List::new(),
        slabs: 0,
        closed: false,
    };

    #[cfg(not(percpu_loom))]
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Self::EMPTY))
    }

    #[cfg(percpu_loom)]
    pub(super) fn new() -> Self {
        Self(Mutex::new(Self::EMPTY))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Lists> {
        self.0.lock()
    }

    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Lists>> {
        self.0.try_lock()
    }
}

impl Lists {
    /// All spans.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        self.open.iter().chain(self.full.iter())
    }

    /// A slab without objects, off the list; for whoever discards them all.
    pub(super) fn pop_empty(&mut self) -> Option<Slab> {
        let slab = self.partial.iter().find(|slab| slab.state().in_use() == 0)?;
        self.partial.remove(slab);
        Some(slab)
    }
}
