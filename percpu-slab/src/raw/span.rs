//! [`Span`]: a mapping with slabs and all that is known about them.
//!
//! ```text
//!   SPAN bytes, at a multiple of SPAN
//!   +------+------+------+-----+------+---------+--------+--------+-- ... --+
//!   | span | slab | slab | ... | slab | (align) | slab 0 | slab 1 |         |
//!   | head | head | head |     | head |         |        |        |         |
//!   +------+------+------+-----+------+---------+--------+--------+-- ... --+
//!            |
//!            state, neighbours on the partial list, a link for each object
//! ```
//! So whoever has an object's address has its span, by a mask; and nothing that is
//! written behind an object's end reaches what is known about it.
//!
//! # Safety
//!
//! A [`Span`] is the address of a mapping that began with a head, and is mapped still.

#![allow(unsafe_code)]

// Not loom's: changed by whoever holds the node's lock only, but for the owner.
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::list::{Link, Linked};
use super::memory;
use super::sizes::{Geometry, MAX_SLABS, PAGE, SPAN, SPAN_HEAD};

/// What a span begins with.
#[repr(C)]
pub(super) struct SpanHead {
    /// What `Slabs::owner_of` says.
    owner: AtomicUsize,
    link: Link,
    node: AtomicU32,
    /// Slabs that are not free.
    used: AtomicU32,
    /// A bit for each slab that is free.
    free: [AtomicU64; MAX_SLABS / 64],
    /// A bit for each of these whose memory is not given back.
    dirty: [AtomicU64; MAX_SLABS / 64],
}

const _: () = assert!(size_of::<SpanHead>() <= SPAN_HEAD);

/// A span that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(usize);

impl Span {
    /// Maps a span, all slabs of it free.
    pub(super) fn map(geometry: &Geometry, node: usize, bound: bool, owner: usize) -> Option<Self> {
        let base = memory::map(SPAN, SPAN)?;
        if bound {
            memory::bind(base, SPAN, node);
        }
        let span = Self(base);
        // The mapping is zero, so all of the head is valid.
        let head = span.head();
        head.owner.store(owner, Relaxed);
        head.node.store(node as u32, Relaxed);
        for slab in 0..geometry.slabs {
            head.free[slab / 64].fetch_or(1 << (slab % 64), Relaxed);
        }
        Some(span)
    }

    /// # Safety
    /// Nobody uses anything of it any more.
    pub(super) unsafe fn unmap(self) {
        // SAFETY: mapped by `map` with these; the caller's promise.
        unsafe { memory::unmap(self.0, SPAN, SPAN) };
    }

    /// The span of an address in it.
    ///
    /// # Safety
    /// The address is inside of a span that is mapped.
    #[inline(always)]
    pub(super) unsafe fn containing(address: usize) -> Self {
        Self(address & !(SPAN - 1))
    }

    #[inline(always)]
    pub(super) fn base(self) -> usize {
        self.0
    }

    #[inline(always)]
    fn head(&self) -> &SpanHead {
        // SAFETY: it is mapped, begins with a head, and all of a head is atomic.
        unsafe { &*core::ptr::with_exposed_provenance::<SpanHead>(self.0) }
    }

    #[inline(always)]
    pub(super) fn owner(self) -> usize {
        // Relaxed: stored before any address in it was given to anybody.
        self.head().owner.load(Relaxed)
    }

    pub(super) fn node(self) -> usize {
        self.head().node.load(Relaxed) as usize
    }

    /// Slabs that are not free.
    pub(super) fn used(self) -> usize {
        self.head().used.load(Relaxed) as usize
    }

    /// The slabs that are not free, of so many.
    pub(super) fn slabs_in_use(self, slabs: usize) -> impl Iterator<Item = usize> {
        (0..slabs).filter(move |&slab| self.is_used(slab))
    }

    pub(super) fn is_used(self, slab: usize) -> bool {
        self.head().free[slab / 64].load(Relaxed) & (1 << (slab % 64)) == 0
    }

    /// Slabs that are free and whose memory is not given back.
    pub(super) fn dirty(self) -> usize {
        self.head().dirty.iter().map(|word| word.load(Relaxed).count_ones() as usize).sum()
    }

    /// Takes a free slab: one with memory, if there is one. Tells whether it is.
    pub(super) fn take(self) -> Option<(usize, bool)> {
        let head = self.head();
        let first = |words: &[AtomicU64]| {
            let (at, word) = (0..).zip(words).find(|(_, word)| word.load(Relaxed) != 0)?;
            Some(at * 64 + word.load(Relaxed).trailing_zeros() as usize)
        };
        let dirty = first(&head.dirty);
        let slab = dirty.or_else(|| first(&head.free))?;
        for words in [&head.free, &head.dirty] {
            let word = &words[slab / 64];
            word.store(word.load(Relaxed) & !(1 << (slab % 64)), Relaxed);
        }
        head.used.store(head.used.load(Relaxed) + 1, Relaxed);
        Some((slab, dirty.is_some()))
    }

    /// The slab is free again, and has its memory.
    pub(super) fn give(self, slab: usize) {
        let head = self.head();
        for words in [&head.free, &head.dirty] {
            let word = &words[slab / 64];
            word.store(word.load(Relaxed) | (1 << (slab % 64)), Relaxed);
        }
        head.used.store(head.used.load(Relaxed) - 1, Relaxed);
    }

    /// Gives the memory of free slabs back to the system; if all are free, that of their
    /// heads as well, but for the first page.
    ///
    /// # Safety
    /// The node's lock is held, and nobody has an object of a free slab.
    pub(super) unsafe fn purge(self, geometry: &Geometry) {
        let is_dirty = |slab: usize| {
            slab < geometry.slabs
                && self.head().dirty[slab / 64].load(Relaxed) & (1 << (slab % 64)) != 0
        };
        let mut slab = 0;
        while slab < geometry.slabs {
            let from = slab;
            while is_dirty(slab) {
                slab += 1;
            }
            if slab > from {
                let address = self.0 + geometry.offset_of(from, 0);
                // SAFETY: slabs of this span; the caller's promise.
                unsafe { memory::discard(address, (slab - from) * geometry.slab_bytes()) };
            }
            slab += 1;
        }
        for word in &self.head().dirty {
            word.store(0, Relaxed);
        }
        if self.used() == 0 {
            // SAFETY: heads are written before they are used again.
            unsafe { memory::discard(self.0 + PAGE, geometry.start - PAGE) };
        }
    }
}

impl Linked for Span {
    fn word(self) -> usize {
        self.0
    }

    unsafe fn of(word: usize) -> Self {
        Self(word)
    }

    fn link(&self) -> &Link {
        &self.head().link
    }
}
