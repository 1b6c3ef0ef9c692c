//! [`SlabStats`], and who is asked whether an address is an object.
//!
//! # Safety
//!
//! Looks at slabs' heads with the node's lock held, so that they stay.

#![allow(unsafe_code)]

use core::fmt;

use percpu_core::atomic::Ordering;

use super::node::Lists;
use super::sizes::SPAN;
use super::slab::Slab;
use super::slabs::Slabs;

/// What slabs hold, as of a moment ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SlabStats {
    /// Slabs that exist.
    pub slabs: usize,
    /// Of these, with free objects.
    pub partial: usize,
    /// Of these, without objects.
    pub empty: usize,
    /// Mappings.
    pub spans: usize,
    /// Objects that are out, be it in magazines.
    pub live: usize,
    /// Objects that slabs have room for.
    pub objects: usize,
    /// Of slabs.
    pub bytes: usize,
    /// Held for slabs that will be made: at most as much again.
    pub held: usize,
    /// Of address space.
    pub mapped: usize,
    /// Objects that were freed although they were free.
    pub double_frees: usize,
}

/// Why an address cannot be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeError {
    /// It is in no slab of this.
    Foreign,
    /// It is inside of an object, or between objects.
    Misaligned,
    /// The object is free already.
    Double,
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "the address is not of this cache",
            Self::Misaligned => "the address is not the beginning of an object",
            Self::Double => "the object is free already",
        })
    }
}

impl core::error::Error for FreeError {}

impl Slabs {
    /// What slabs hold, of all nodes.
    pub fn stats(&self) -> SlabStats {
        let mut all = SlabStats::default();
        for node in 0..self.nodes() {
            let stats = self.stats_of(node);
            all.slabs += stats.slabs;
            all.partial += stats.partial;
            all.empty += stats.empty;
            all.spans += stats.spans;
            all.live += stats.live;
            all.objects += stats.objects;
            all.bytes += stats.bytes;
            all.held += stats.held;
            all.mapped += stats.mapped;
        }
        // Relaxed: a number.
        all.double_frees = self.0.double_frees.load(Ordering::Relaxed);
        all
    }

    /// What slabs of one node hold; double frees are of no node.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn stats_of(&self, node: usize) -> SlabStats {
        let lists = self.node(node).lock();
        let in_use = || lists.partial.iter().map(|slab| slab.state().in_use());
        let partial = lists.partial.len();
        let objects = lists.slabs * self.0.geometry.objects;
        let free: usize = in_use().map(|in_use| self.0.geometry.objects - in_use).sum();
        let spans = lists.open.len() + lists.full.len();
        SlabStats {
            slabs: lists.slabs,
            partial,
            empty: in_use().filter(|&in_use| in_use == 0).count(),
            spans,
            live: objects - free,
            objects,
            bytes: lists.slabs * self.0.geometry.slab_bytes(),
            held: lists.dirty * self.0.geometry.slab_bytes(),
            mapped: spans * SPAN,
            double_frees: 0,
        }
    }

    /// Whether an address is an object of this that is in use.
    ///
    /// # Errors
    /// [`FreeError`] says why not.
    ///
    /// # Performance
    /// Goes through all spans.
    pub fn check(&self, address: usize) -> Result<(), FreeError> {
        let base = address & !(SPAN - 1);
        for node in 0..self.nodes() {
            let lists = self.node(node).lock();
            if lists.spans().any(|span| span.base() == base) {
                return self.check_in(&lists, address);
            }
        }
        Err(FreeError::Foreign)
    }

    fn check_in(&self, _: &Lists, address: usize) -> Result<(), FreeError> {
        // SAFETY: it is in a span of this, which stays while the lock is held.
        let span = unsafe { super::span::Span::containing(address) };
        let offset = address - span.base();
        if offset < self.0.geometry.start {
            return Err(FreeError::Foreign);
        }
        let (index, object) = self.0.geometry.object_at(offset);
        if index >= self.0.geometry.slabs || !span.is_used(index) {
            return Err(FreeError::Foreign);
        }
        if object >= self.0.geometry.objects || offset != self.0.geometry.offset_of(index, object) {
            return Err(FreeError::Misaligned);
        }
        // SAFETY: the comparisons above.
        let slab = unsafe { Slab::nth(span, index, &self.0.geometry) };
        // SAFETY: the comparisons above.
        match unsafe { slab.is_in_use(object) } {
            true => Ok(()),
            false => Err(FreeError::Double),
        }
    }

    /// Tells each object that is out, be it in magazines: all of them and no others if
    /// nobody allocates or frees meanwhile.
    ///
    /// The nodes' locks are held: `tell` must not use this.
    pub fn for_each(&self, mut tell: impl FnMut(usize)) {
        for node in 0..self.nodes() {
            let lists = self.node(node).lock();
            for span in lists.spans() {
                for index in span.slabs_in_use(self.0.geometry.slabs) {
                    // SAFETY: it exists, and stays while the lock is held.
                    let slab = unsafe { Slab::nth(span, index, &self.0.geometry) };
                    for object in 0..self.0.geometry.objects {
                        // SAFETY: it has so many.
                        if unsafe { slab.is_in_use(object) } {
                            tell(span.base() + self.0.geometry.offset_of(index, object));
                        }
                    }
                }
            }
        }
    }
}
