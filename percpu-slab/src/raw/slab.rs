//! [`Slab`]: pages with objects, and the list of those that are free.
//!
//! # State
//! One word: which object is the first free one, how many are in use, which slab of its
//! span it is. A link for each object says which is the next free one; it is
//! [`NONE`] at the end of the list and [`INUSE`] for an object that is not on it.
//!
//! | in use | on its node's partial list | what a free does |
//! | --- | --- | --- |
//! | all | no | with the node's lock: puts it on the list |
//! | some | yes | a compare-exchange |
//! | one | yes | with the node's lock: may discard the slab |
//! | none | yes, as one of few that are kept | |
//!
//! # Invariants
//! - L1: objects are taken off a slab's list only with its node's lock held; they come
//!   back from anywhere. So the links of what is on the list do not change while the
//!   lock is held, and a head that is there again has the same list behind it.
//! - L2: whoever frees an object has it until the compare-exchange, and thereby the slab.
//!   What is to be done under the lock needs the lock before: after it the slab may be
//!   anybody's.
//! - L3: a link that is not what it can be was freed twice at once; the rest of that
//!   list is leaked, and nothing is given out twice because of it.
//!
//! # Orderings
//! - Links, and what the freer did with the object: the compare-exchange of the free
//!   is Release, that of the take Acquire. A free that leaves nothing in use is Acquire
//!   as well: what all others did with their objects comes before the discard.
//!
//! # Safety
//!
//! A [`Slab`] is the address of a slab's head in a span that is mapped.

#![allow(unsafe_code)]

use percpu_core::__raw::mutated;
use percpu_core::atomic::{AtomicU16, AtomicU64, Ordering};

use super::list::{Link, Linked};
use super::sizes::{Geometry, LINK, SLAB_HEAD, SPAN_HEAD};
use super::span::Span;

/// No object: the end of a list.
const NONE: u16 = u16::MAX;
/// The link of an object that is in use.
const INUSE: u16 = u16::MAX - 1;

/// What a slab's head begins with; behind it are the links.
#[repr(C)]
struct SlabHead {
    state: AtomicU64,
    link: Link,
}

const _: () = assert!(size_of::<SlabHead>() <= SLAB_HEAD && SLAB_HEAD.is_multiple_of(8));

/// The state of a slab, as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u64);

impl State {
    fn new(first: u16, in_use: usize, index: usize) -> Self {
        Self(u64::from(first) | (in_use as u64) << 16 | (index as u64) << 32)
    }

    fn first(self) -> u16 {
        self.0 as u16
    }

    /// Objects that are not on the list.
    pub(super) fn in_use(self) -> usize {
        (self.0 >> 16) as usize & 0xFFFF
    }

    /// Which slab of its span it is.
    pub(super) fn index(self) -> usize {
        (self.0 >> 32) as usize
    }
}

/// Objects of one slab that are to be freed, chained.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    first: u16,
    last: u16,
    len: usize,
}

impl Chain {
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// A slab that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slab(usize);

impl Slab {
    /// Makes a free slab of a span one, with all objects in use.
    ///
    /// # Safety
    /// It is the caller's: taken from the span, and nobody knows it.
    pub(super) unsafe fn make(span: Span, index: usize, geometry: &Geometry) -> Self {
        // SAFETY: a slab of this span.
        let slab = unsafe { Self::nth(span, index, geometry) };
        let state = AtomicU64::new(State::new(NONE, geometry.objects, index).0);
        let head = SlabHead { state, link: Link::default() };
        let place = core::ptr::with_exposed_provenance_mut::<SlabHead>(slab.0);
        // SAFETY: inside of the span's heads, aligned, and the caller's alone.
        unsafe { place.write(head) };
        for object in 0..geometry.objects {
            let place = slab.link_address(object) as *mut AtomicU16;
            // SAFETY: as above.
            unsafe { place.write(AtomicU16::new(INUSE)) };
        }
        slab
    }

    /// The slab of this index.
    ///
    /// # Safety
    /// There are so many, and it exists.
    #[inline(always)]
    pub(super) unsafe fn nth(span: Span, index: usize, geometry: &Geometry) -> Self {
        Self(span.base() + SPAN_HEAD + index * geometry.head)
    }

    #[inline(always)]
    fn head(&self) -> &SlabHead {
        // SAFETY: it exists, so there is a head, and all of a head is atomic.
        unsafe { &*core::ptr::with_exposed_provenance::<SlabHead>(self.0) }
    }

    fn link_address(self, object: usize) -> *const AtomicU16 {
        core::ptr::with_exposed_provenance(self.0 + SLAB_HEAD + object * LINK)
    }

    /// # Safety
    /// The slab has such an object.
    #[inline(always)]
    unsafe fn next(&self, object: usize) -> &AtomicU16 {
        // SAFETY: `make` has written a link for each object.
        unsafe { &*self.link_address(object) }
    }

    #[inline(always)]
    pub(super) fn span(self) -> Span {
        // SAFETY: a slab's head is inside of its span.
        unsafe { Span::containing(self.0) }
    }

    /// The state a moment ago. Acquire: what was done with objects that it says are
    /// free has happened. (Who discards has that by its own free as well: one of the two
    /// would do, so the mutation takes both.)
    pub(super) fn state(&self) -> State {
        let seen = match mutated("slab_free_no_acquire") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        State(self.head().state.load(seen))
    }

    /// Whether an object is in use.
    ///
    /// # Safety
    /// The slab has such an object.
    pub(super) unsafe fn is_in_use(&self, object: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.next(object) }.load(Ordering::Relaxed) == INUSE
    }

    /// Begins a chain of an object that is to be freed; `None` if it is free.
    ///
    /// # Safety
    /// The slab has such an object.
    #[inline(always)]
    pub(super) unsafe fn chain(&self, object: usize) -> Option<Chain> {
        // SAFETY: the caller's promise.
        let link = unsafe { self.next(object) };
        // Relaxed: whoever frees an object got it after it was marked.
        if link.load(Ordering::Relaxed) != INUSE {
            return None;
        }
        link.store(NONE, Ordering::Relaxed);
        Some(Chain { first: object as u16, last: object as u16, len: 1 })
    }

    /// Chains another object; `false` if it is free.
    ///
    /// # Safety
    /// As [`chain`](Self::chain), and the chain is of this slab.
    #[inline(always)]
    pub(super) unsafe fn extend(&self, chain: &mut Chain, object: usize) -> bool {
        // SAFETY: the caller's promise.
        let link = unsafe { self.next(object) };
        if link.load(Ordering::Relaxed) != INUSE {
            return false;
        }
        link.store(chain.first, Ordering::Relaxed);
        chain.first = object as u16;
        chain.len += 1;
        true
    }

    /// Frees a chain, unless that needs the node's lock and `locked` says that the
    /// caller has it not. Returns the states before and after.
    #[inline(always)]
    pub(super) fn free(
        &self,
        chain: &Chain,
        objects: usize,
        locked: bool,
    ) -> Option<(State, State)> {
        // SAFETY: it is an object of the chain, so of this slab.
        let last = unsafe { self.next(usize::from(chain.last)) };
        let released = match () {
            () if mutated("slab_free_relaxed") => Ordering::Relaxed,
            () if mutated("slab_free_no_acquire") => Ordering::Release,
            () => Ordering::AcqRel,
        };
        let state = &self.head().state;
        let mut old = State(state.load(Ordering::Relaxed));
        loop {
            let edge = old.in_use() >= objects || old.in_use() <= chain.len;
            if edge && !locked && !mutated("slab_edge_without_lock") {
                return None;
            }
            last.store(old.first(), Ordering::Relaxed);
            // Freed twice at once: less than nothing is nothing.
            let in_use = old.in_use().saturating_sub(chain.len);
            let new = State::new(chain.first, in_use, old.index());
            match state.compare_exchange_weak(old.0, new.0, released, Ordering::Relaxed) {
                Ok(_) => return Some((old, new)),
                Err(now) => old = State(now),
            }
        }
    }

    /// Takes `want` objects or as many as there are, and tells each. The node's lock is
    /// held (L1). Returns how many.
    pub(super) fn take(&self, want: usize, objects: usize, mut tell: impl FnMut(usize)) -> usize {
        let state = &self.head().state;
        let taken = match mutated("slab_take_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        // Acquire: pairs with the Release in `free`, for the links.
        let mut old = State(state.load(taken));
        let (first, count) = loop {
            let free = objects.saturating_sub(old.in_use());
            let count = free.min(want);
            let rest = if count == free { NONE } else { self.skip(old.first(), count, objects) };
            let new = State::new(rest, old.in_use() + count, old.index());
            // Acquire: as above.
            match state.compare_exchange_weak(old.0, new.0, taken, taken) {
                Ok(_) => break (old.first(), count),
                Err(now) => old = State(now),
            }
        };
        let mut object = first;
        for told in 0..count {
            if usize::from(object) >= objects {
                return told; // L3
            }
            // SAFETY: the comparison above.
            let link = unsafe { self.next(usize::from(object)) };
            let next = link.load(Ordering::Relaxed);
            link.store(INUSE, Ordering::Relaxed);
            tell(usize::from(object));
            object = next;
        }
        count
    }

    /// The object `count` links behind `first`.
    fn skip(&self, first: u16, count: usize, objects: usize) -> u16 {
        let mut object = first;
        for _ in 0..count {
            if usize::from(object) >= objects {
                return NONE; // L3
            }
            // SAFETY: the comparison above.
            object = unsafe { self.next(usize::from(object)) }.load(Ordering::Relaxed);
        }
        object
    }

    /// Puts all objects but the first `kept` of a new slab on its list, in the order of
    /// their addresses.
    ///
    /// # Safety
    /// Nobody else knows the slab, and nothing is on its list.
    pub(super) unsafe fn keep_first(&self, kept: usize, objects: usize) {
        for object in kept..objects {
            let next = if object + 1 == objects { NONE } else { object as u16 + 1 };
            // SAFETY: less than `objects`.
            unsafe { self.next(object) }.store(next, Ordering::Relaxed);
        }
        let index = State(self.head().state.load(Ordering::Relaxed)).index();
        let first = if kept == objects { NONE } else { kept as u16 };
        // Relaxed: whoever takes from it has had the node's lock.
        self.head().state.store(State::new(first, kept, index).0, Ordering::Relaxed);
    }
}

impl Linked for Slab {
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
