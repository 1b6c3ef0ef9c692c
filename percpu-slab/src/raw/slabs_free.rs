//! Freeing, closing and shrinking of [`Slabs`].
//!
//! # Safety
//!
//! Follows the addresses of objects that are freed, by what `Slabs::new` asks for.

#![allow(unsafe_code)]

use percpu_core::__raw::{MutexGuard, mutated};
use percpu_core::atomic::Ordering;

use super::node::Lists;
use super::slab::{Chain, Slab};
use super::slabs::Slabs;
use super::span::Span;

impl Slabs {
    /// Frees objects, from anywhere. `true` if this is closed and they were the last
    /// ones: it is the caller's to free what holds this. It is so exactly once.
    ///
    /// # Performance
    /// A compare-exchange for each run of objects of one slab; once for all the node's
    /// lock if a slab was full or is empty now.
    #[doc(alias = "kmem_cache_free_bulk")]
    pub fn free(&self, items: &[u64]) -> bool {
        let mut freeing = Freeing { slabs: self, lists: None, pinned: false, gone: 0 };
        if self.is_limited() {
            freeing.pin();
        }
        let mut freed = 0;
        let mut rest = items;
        while let Some((&item, mut behind)) = rest.split_first() {
            // SAFETY: it is an object of this that is in use, so its span is mapped.
            let span = unsafe { Span::containing(item as usize) };
            let (index, object) = self.0.geometry.object_at(item as usize - span.base());
            // SAFETY: as above: such a slab exists.
            let slab = unsafe { Slab::nth(span, index, &self.0.geometry) };
            // SAFETY: as above: it has such an object.
            let Some(mut chain) = (unsafe { slab.chain(object) }) else {
                self.0.double_frees.fetch_add(1, Ordering::Relaxed);
                rest = behind;
                continue;
            };
            while let Some((&item, after)) = behind.split_first() {
                // SAFETY: as above.
                if unsafe { Span::containing(item as usize) } != span {
                    break;
                }
                let (same, object) = self.0.geometry.object_at(item as usize - span.base());
                if same != index {
                    break;
                }
                // SAFETY: as above; the chain is of this slab.
                if !unsafe { slab.extend(&mut chain, object) } {
                    self.0.double_frees.fetch_add(1, Ordering::Relaxed);
                }
                behind = after;
            }
            freed += chain.len();
            freeing.free(slab, &chain);
            rest = behind;
        }
        freeing.lists = None;
        // Without a pin it may be gone with the last object: not to be passed on (S1).
        if freeing.pinned || mutated("slabs_no_pin") { freeing.end(freed) } else { false }
    }

    /// From now on nothing is allocated, and slabs go when they are empty; those that are
    /// empty go at once. `true` if no object is out: as [`free`](Self::free) says it.
    ///
    /// To be called while nobody asks for objects, shrinks this or looks at it.
    #[doc(alias = "kmem_cache_destroy")]
    pub fn close(&self) -> bool {
        let mut pins = 0;
        for node in 0..self.nodes() {
            let mut lists = self.node(node).lock();
            if !core::mem::replace(&mut lists.closed, true) && node == 0 {
                pins += 1;
            }
            drop(lists);
            pins += self.discard_empties(node);
        }
        pins > 0 && self.unpin(pins)
    }

    /// Gives slabs without objects back to the system, and spans without slabs; returns
    /// how many bytes of slabs.
    #[doc(alias = "kmem_cache_shrink")]
    pub fn shrink(&self) -> usize {
        let slabs: usize = (0..self.nodes()).map(|node| self.discard_empties(node)).sum();
        // It is open, so that these are not the last ones.
        let _ = self.unpin(slabs);
        slabs * self.0.geometry.slab_bytes()
    }

    /// Returns how many slabs' pins are to be given back.
    fn discard_empties(&self, node: usize) -> usize {
        let mut empties = self.node(node).lock().take_empties();
        let count = empties.len();
        while let Some(slab) = empties.first() {
            empties.remove(slab);
            let span = self.discard(&mut self.node(node).lock(), slab);
            Self::unmap(span);
        }
        self.node(node).lock().purge(&self.0.geometry);
        loop {
            let span = self.node(node).lock().take_unused();
            if span.is_none() {
                return count;
            }
            Self::unmap(span);
        }
    }
}

/// A thread in `free`, with what it holds.
struct Freeing<'a> {
    slabs: &'a Slabs,
    lists: Option<(usize, MutexGuard<'a, Lists>)>,
    pinned: bool,
    /// Slabs that were discarded, whose pins are ours.
    gone: usize,
}

impl Freeing<'_> {
    /// While it has an object.
    fn pin(&mut self) {
        if !self.pinned && !mutated("slabs_no_pin") {
            self.pinned = true;
            self.slabs.pin();
        }
    }

    #[inline]
    fn free(&mut self, slab: Slab, chain: &Chain) {
        if slab.free(chain, self.slabs.0.geometry.objects, false).is_none() {
            self.free_locked(slab, chain);
        }
    }

    /// The slab was full or is empty then.
    #[cold]
    #[inline(never)]
    fn free_locked(&mut self, slab: Slab, chain: &Chain) {
        self.pin();
        let objects = self.slabs.0.geometry.objects;
        let early = match mutated("slabs_lock_late") {
            true => slab.free(chain, objects, true),
            false => None,
        };
        let node = slab.span().node();
        if self.lists.as_ref().is_none_or(|(held, _)| *held != node) {
            self.lists = None;
            self.lists = Some((node, self.slabs.node(node).lock()));
        }
        let Some((_, lists)) = &mut self.lists else { return };
        let Some((old, new)) = early.or_else(|| slab.free(chain, objects, true)) else { return };
        let listed = old.in_use() < objects;
        let others = lists.partial.len() - usize::from(listed);
        let kept = if lists.closed { 0 } else { self.slabs.0.min_partial };
        if new.in_use() == 0 && others >= kept {
            if listed {
                lists.partial.remove(slab);
            }
            self.gone += 1;
            if let Some(span) = self.slabs.discard(lists, slab) {
                self.lists = None;
                Slabs::unmap(Some(span));
            }
        } else if !listed {
            // SAFETY: it is on no list, as it was full; it is unmapped when it is off
            // the list only.
            unsafe { lists.partial.push_front(slab) };
        }
    }

    /// With its pin, if no lock: gives back all pins. Nothing is touched after it.
    fn end(&self, freed: usize) -> bool {
        self.slabs.unreserve(freed);
        let pins = usize::from(self.pinned) + self.gone;
        pins > 0 && self.slabs.unpin(pins)
    }
}
