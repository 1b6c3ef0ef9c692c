//! [`Node`]: the slabs and spans of one node of memory, behind its lock.
//!
//! # Safety
//!
//! Moves slabs and spans between lists, and gives memory back of which it knows that
//! nobody has an object.

#![allow(unsafe_code)]

use percpu_core::__raw::{Mutex, MutexGuard};

use super::list::List;
use super::sizes::Geometry;
use super::slab::Slab;
use super::span::Span;

/// Memory of one slab is held for so many that exist, for the next slab that is made.
const DIRTY: usize = 4;

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
    /// Slabs that do not, but whose memory is not given back.
    pub(super) dirty: usize,
    /// Nothing is allocated any more.
    pub(super) closed: bool,
}

impl Node {
    const EMPTY: Lists = Lists {
        partial: List::new(),
        open: List::new(),
        full: List::new(),
        slabs: 0,
        dirty: 0,
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

    /// A slab that has no objects and is on no list is free in its span. Returns the span
    /// if it is to be unmapped.
    pub(super) fn discard(&mut self, slab: Slab, geometry: &Geometry) -> Option<Span> {
        let (span, index) = (slab.span(), slab.state().index());
        self.slabs -= 1;
        if span.used() == geometry.slabs {
            self.full.remove(span);
            // SAFETY: it was just taken off a list; it is unmapped when it is off only.
            unsafe { self.open.push_front(span) };
        }
        span.give(index);
        self.dirty += 1;
        if span.used() > 0 {
            // The fewer slabs there are, the less is held beside them; and whoever frees
            // many gives many back at once.
            if self.dirty > self.slabs / DIRTY {
                self.purge(geometry);
            }
            return None;
        }
        self.dirty -= span.dirty();
        if self.closed || self.open.len() > 1 {
            self.open.remove(span);
            return Some(span);
        }
        // SAFETY: whoever asks for this holds the lock; free slabs have no objects.
        unsafe { span.purge(geometry) };
        None
    }

    /// Gives the memory of slabs that are free back to the system.
    pub(super) fn purge(&mut self, geometry: &Geometry) {
        if core::mem::take(&mut self.dirty) > 0 {
            for span in self.open.iter().filter(|span| span.dirty() > 0) {
                // SAFETY: whoever has this holds the lock; free slabs have no objects.
                unsafe { span.purge(geometry) };
            }
        }
    }

    /// Spans without slabs, off the list, for whoever unmaps them.
    pub(super) fn take_unused(&mut self) -> Option<Span> {
        let span = self.open.iter().find(|span| span.used() == 0)?;
        self.open.remove(span);
        Some(span)
    }

    /// Slabs without objects, off the list, for whoever discards them all.
    pub(super) fn take_empties(&mut self) -> List<Slab> {
        let mut empties = List::new();
        let mut next = self.partial.first();
        while let Some(slab) = next {
            next = self.partial.after(slab);
            if slab.state().in_use() == 0 {
                self.partial.remove(slab);
                // SAFETY: it was just taken off a list; nobody else can discard it.
                unsafe { empties.push_front(slab) };
            }
        }
        empties
    }
}
