//! [`Slabs`]: objects of one layout, from slabs in spans.
//!
//! ```text
//!   refill                 free
//!     | lock                | compare-exchange; lock if the slab was full or is empty now
//!     v                     v
//!   Node: partial list -> Slab -> Slab       in Span, Span, ...
//! ```
//!
//! # Life
//! `pins` counts the slabs that exist, one for as long as it is open, and one for each
//! thread that is in a slow path of `free`. Whoever brings it to 0 is told: `true`.
//!
//! # Invariants
//! - S1: a thread in `free` touches the `Slabs` only while it has an object or a pin, and
//!   makes or passes on a reference to it only then. It may be freed before that thread
//!   has returned from `free`, so no byte of it is frozen (`unfrozen.rs` of percpu-core).
//! - S2: `pins` is not 0 before `close`, and never rises from 0.
//!
//! # Safety
//!
//! The nodes beside the first are in memory of their own; everything else follows from
//! what `new` asks for.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;

use percpu_core::__raw::{Unfrozen, mutated};
use percpu_core::atomic::{AtomicUsize, Ordering};

use super::memory;
use super::node::{Lists, Node};
use super::sizes::{self, Geometry};
use super::slab::Slab;
use super::slab_options::{self, Constructor, Numa, SlabOptions};
use super::span::Span;
use crate::error::Error;

/// Objects of one layout, from slabs in spans.
///
/// An object is an address. What it is used for is not known here: its memory is not
/// touched, neither while it is in use nor while it is free.
///
/// ```
/// use percpu_slab::raw::{SlabOptions, Slabs, Source};
/// use std::alloc::Layout;
///
/// // SAFETY: what is given out below is freed once, and not used after that.
/// let slabs = unsafe { Slabs::new(Layout::new::<[u64; 8]>(), SlabOptions::default()) }?;
/// let mut objects = [0; 10];
/// assert_eq!(slabs.refill(&mut objects)?, 10);
/// assert_eq!(slabs.stats().live, 10);
/// assert!(!slabs.free(&objects[1..]));
/// assert!(!slabs.close(), "one is out");
/// assert!(slabs.free(&objects[..1]), "the last one says so");
/// # Ok::<(), percpu_slab::Error>(())
/// ```
#[doc(alias = "kmem_cache")]
pub struct Slabs(pub(super) Unfrozen<Parts>);

/// Of slabs (S1).
pub(super) struct Parts {
    pub(super) geometry: Geometry,
    pub(super) min_partial: usize,
    pub(super) limit: usize,
    pub(super) max_slabs: usize,
    pub(super) constructor: Option<Constructor>,
    pub(super) numa: Numa,
    pub(super) owner: AtomicUsize,
    pins: AtomicUsize,
    /// Objects that are out; counted if there is a limit.
    pub(super) live: AtomicUsize,
    /// Slabs that exist.
    pub(super) slabs: AtomicUsize,
    pub(super) double_frees: AtomicUsize,
    /// How many slabs can still be made, and spans mapped, plus 1; 0: as many as there is
    /// memory for.
    pub(super) faults: [AtomicUsize; 2],
    first: Node,
    /// Where the other nodes are.
    others: usize,
    /// Models see S1 held: `pins` was brought to 0.
    #[cfg(percpu_loom)]
    gone: core::sync::atomic::AtomicBool,
    /// The same, and that whoever is told comes after all who used it.
    #[cfg(percpu_loom)]
    life: super::life::Life,
}

impl Slabs {
    /// Without slabs; the first ones are made when objects are asked for.
    ///
    /// # Errors
    /// [`Error::Layout`] for objects that no span has room for; as
    /// [`percpu_core::info`]; [`Error::OutOfMemory`].
    ///
    /// # Safety
    /// Of all who can reach it:
    /// - What is freed are addresses that it gave out, each once.
    /// - Nobody uses an object's memory before it was given out or after it was freed.
    /// - Once `free` or `close` has answered `true` nobody uses it but to drop it.
    /// - It is dropped when nobody is in a call any more.
    /// - A constructor may be called with the address of an object and its context.
    pub unsafe fn new(layout: Layout, options: SlabOptions) -> Result<Self, Error> {
        let min_objects = match options.min_objects {
            Some(objects) => objects,
            None => sizes::min_objects(slab_options::cpus()?),
        };
        let geometry =
            Geometry::new(layout.size(), layout.align(), min_objects, options.max_order)?;
        let numa = match options.numa {
            Some(numa) => numa,
            None => Numa::machine()?,
        };
        let others = Self::make_nodes(numa.nodes - 1)?;
        Ok(Self(Unfrozen::new(Parts {
            geometry,
            min_partial: options.min_partial.unwrap_or(sizes::min_partial(geometry.size)),
            limit: options.limit.unwrap_or(usize::MAX),
            max_slabs: slab_options::max_slabs(options.max_bytes, geometry.slab_bytes()),
            constructor: options.constructor,
            numa,
            owner: AtomicUsize::new(0),
            pins: AtomicUsize::new(1),
            live: AtomicUsize::new(0),
            slabs: AtomicUsize::new(0),
            double_frees: AtomicUsize::new(0),
            faults: [AtomicUsize::new(0), AtomicUsize::new(0)],
            first: Node::new(),
            others,
            #[cfg(percpu_loom)]
            gone: core::sync::atomic::AtomicBool::new(false),
            #[cfg(percpu_loom)]
            life: super::life::Life::new(),
        })))
    }

    /// On one node, without looking at the machine.
    ///
    /// # Safety
    /// As [`new`](Self::new); and the geometry is as [`Geometry::new`] made it.
    #[cfg(not(percpu_loom))]
    pub const unsafe fn on_one_node(geometry: Geometry, owner: usize) -> Self {
        Self(Unfrozen::new(Parts {
            geometry,
            min_partial: sizes::min_partial(geometry.size),
            limit: usize::MAX,
            max_slabs: usize::MAX,
            constructor: None,
            numa: Numa::ONE,
            owner: AtomicUsize::new(owner),
            pins: AtomicUsize::new(1),
            live: AtomicUsize::new(0),
            slabs: AtomicUsize::new(0),
            double_frees: AtomicUsize::new(0),
            faults: [AtomicUsize::new(0), AtomicUsize::new(0)],
            first: Node::new(),
            others: 0,
        }))
    }

    /// How its objects lie.
    pub fn geometry(&self) -> &Geometry {
        &self.0.geometry
    }

    /// Says what [`owner_of`](Self::owner_of) answers for spans that are mapped from now
    /// on. To be called before the first object is asked for.
    pub fn set_owner(&self, owner: usize) {
        // Relaxed: a number; whoever asks has an address that came after it.
        self.0.owner.store(owner, Ordering::Relaxed);
    }

    /// The owner of the `Slabs` that an object came from; 0 if none was set.
    ///
    /// # Safety
    /// The address is of an object in use, of any `Slabs`.
    ///
    /// # Performance
    /// One load of a line that is only read.
    #[inline(always)]
    pub unsafe fn owner_of(address: usize) -> usize {
        // SAFETY: an object is inside of a span, which is mapped while it is in use.
        unsafe { Span::containing(address) }.owner()
    }

    /// The node of an object's memory.
    ///
    /// # Safety
    /// As [`owner_of`](Self::owner_of).
    pub unsafe fn node_of(address: usize) -> usize {
        // SAFETY: as above.
        unsafe { Span::containing(address) }.node()
    }

    /// Nodes of memory, of which each has slabs of its own.
    pub fn nodes(&self) -> usize {
        self.0.numa.nodes
    }

    fn make_nodes(count: usize) -> Result<usize, Error> {
        if count == 0 {
            return Ok(0);
        }
        let (bytes, align) = Self::nodes_layout(count);
        let base = memory::map(bytes, align).ok_or(Error::OutOfMemory { bytes })?;
        for index in 0..count {
            let place = core::ptr::with_exposed_provenance_mut::<Node>(base);
            // SAFETY: there is room for `count` of them.
            let place = unsafe { place.add(index) };
            // SAFETY: nobody knows it yet.
            unsafe { place.write(Node::new()) };
        }
        Ok(base)
    }

    fn nodes_layout(count: usize) -> (usize, usize) {
        ((count * size_of::<Node>()).next_multiple_of(sizes::PAGE), sizes::PAGE)
    }

    #[inline]
    pub(super) fn node(&self, index: usize) -> &Node {
        self.assert_there();
        if index == 0 {
            return &self.0.first;
        }
        assert!(index < self.0.numa.nodes, "a node that does not exist");
        let nodes = core::ptr::with_exposed_provenance::<Node>(self.0.others);
        // SAFETY: the comparison above.
        let node = unsafe { nodes.add(index - 1) };
        // SAFETY: made in `make_nodes`, gone when this is dropped.
        unsafe { &*node }
    }

    /// Pins this: it is not gone before [`unpin`](Self::unpin).
    pub(super) fn pin(&self) {
        // Relaxed: whoever pins has an object or is a slab's maker, so it is not 0 (S2).
        self.0.pins.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives pins back; `true` if they were the last ones. Nothing is touched after it.
    #[must_use]
    pub(super) fn unpin(&self, pins: usize) -> bool {
        // AcqRel: what all others did with this comes before its end.
        let given = match () {
            () if mutated("slabs_unpin_relaxed") => Ordering::Relaxed,
            () if mutated("slabs_unpin_no_acquire") => Ordering::Release,
            () => Ordering::AcqRel,
        };
        let last = self.0.pins.fetch_sub(pins, given) == pins;
        #[cfg(percpu_loom)]
        if last {
            self.0.life.ends();
            assert!(
                !self.0.gone.swap(true, core::sync::atomic::Ordering::Relaxed),
                "twice the end"
            );
        }
        last
    }

    /// In models: nobody who is the last one to know it was told so yet (S1).
    fn assert_there(&self) {
        #[cfg(percpu_loom)]
        if !std::thread::panicking() {
            assert!(!self.0.gone.load(core::sync::atomic::Ordering::Relaxed), "used after its end");
            self.0.life.is_used();
        }
    }

    /// Whether objects are counted.
    pub(super) fn is_limited(&self) -> bool {
        self.0.limit != usize::MAX
    }

    /// Objects that are not out any more.
    pub(super) fn unreserve(&self, count: usize) {
        if self.is_limited() && count > 0 {
            // Relaxed: as above.
            self.0.live.fetch_sub(count, Ordering::Relaxed);
            self.assert_there();
        }
    }

    /// Gives back a slab that has no objects and is on no list. The caller has a pin of
    /// its own, and gives back the slab's.
    pub(super) fn discard(&self, lists: &mut Lists, slab: Slab) -> Option<Span> {
        // Relaxed: a number.
        self.0.slabs.fetch_sub(1, Ordering::Relaxed);
        lists.discard(slab, &self.0.geometry)
    }

    /// Unmaps a span that [`discard`](Self::discard) returned, without the lock.
    pub(super) fn unmap(span: Option<Span>) {
        if let Some(span) = span {
            // SAFETY: no slab of it exists, and it is on no list.
            unsafe { span.unmap() };
        }
    }
}

impl Drop for Slabs {
    /// Objects that are still out stay where they are: their slabs are leaked.
    fn drop(&mut self) {
        #[cfg(percpu_loom)]
        self.0.gone.store(false, core::sync::atomic::Ordering::Relaxed);
        let _ = self.close();
        if self.0.others != 0 {
            // Not by `node`, whose references are shared ones.
            let nodes = core::ptr::with_exposed_provenance_mut::<Node>(self.0.others);
            for index in 0..self.0.numa.nodes - 1 {
                // SAFETY: so many were made in `make_nodes`.
                let node = unsafe { nodes.add(index) };
                // SAFETY: made in `make_nodes`, and nobody uses it any more.
                unsafe { node.drop_in_place() };
            }
            let (bytes, align) = Self::nodes_layout(self.0.numa.nodes - 1);
            // SAFETY: mapped with these, and nobody uses it any more.
            unsafe { memory::unmap(self.0.others, bytes, align) };
        }
    }
}

impl fmt::Debug for Slabs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slabs")
            .field("geometry", &self.0.geometry)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
