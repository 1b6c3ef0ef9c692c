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
//! - S1: a thread in `free` touches the `Slabs` only while it has an object or a pin.
//! - S2: `pins` is not 0 before `close`, and never rises from 0.
//!
//! # Safety
//!
//! Makes slabs in spans that it owns; everything else follows from what `new` asks for.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;

use percpu_core::atomic::{AtomicUsize, Ordering};

use super::memory;
use super::node::{Lists, Node};
use super::sizes::{self, Geometry, SPAN};
use super::slab::Slab;
use super::slab_options::{self, Constructor, Numa, SlabOptions};
use super::source::Source;
use super::span::Span;
use crate::error::Error;

/// Objects of one layout, from slabs in spans.
///
/// An object is an address. What it is used for is not known here: its memory is not
/// touched, neither while it is in use nor while it is free.
#[doc(alias = "kmem_cache")]
pub struct Slabs {
    pub(super) geometry: Geometry,
    pub(super) min_partial: usize,
    limit: usize,
    max_slabs: usize,
    constructor: Option<Constructor>,
    pub(super) numa: Numa,
    owner: AtomicUsize,
    pins: AtomicUsize,
    /// Objects that are out; counted if there is a limit.
    live: AtomicUsize,
    /// Slabs that exist.
    pub(super) slabs: AtomicUsize,
    pub(super) double_frees: AtomicUsize,
    /// How many slabs can still be made, and spans mapped, plus 1; 0: as many as there is
    /// memory for.
    faults: [AtomicUsize; 2],
    first: Node,
    /// Where the other nodes are.
    others: usize,
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
        Ok(Self {
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
        })
    }

    /// On one node, without looking at the machine.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    #[cfg(not(percpu_loom))]
    pub const unsafe fn on_one_node(geometry: Geometry, owner: usize) -> Self {
        Self {
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
        }
    }

    /// How its objects lie.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Says what [`owner_of`](Self::owner_of) answers for spans that are mapped from now
    /// on. To be called before the first object is asked for.
    pub fn set_owner(&self, owner: usize) {
        // Relaxed: a number; whoever asks has an address that came after it.
        self.owner.store(owner, Ordering::Relaxed);
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
        self.numa.nodes
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
        if index == 0 {
            return &self.first;
        }
        assert!(index < self.numa.nodes, "a node that does not exist");
        let nodes = core::ptr::with_exposed_provenance::<Node>(self.others);
        // SAFETY: the comparison above.
        let node = unsafe { nodes.add(index - 1) };
        // SAFETY: made in `make_nodes`, gone when this is dropped.
        unsafe { &*node }
    }

    /// This thread's node.
    fn here(&self) -> usize {
        match self.numa.nodes {
            1 => 0,
            nodes => (self.numa.here)().min(nodes - 1),
        }
    }

    /// Pins this: it is not gone before [`unpin`](Self::unpin).
    pub(super) fn pin(&self) {
        // Relaxed: whoever pins has an object or is a slab's maker, so it is not 0 (S2).
        self.pins.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives pins back; `true` if they were the last ones. Nothing is touched after it.
    #[must_use]
    pub(super) fn unpin(&self, pins: usize) -> bool {
        // AcqRel: what all others did with this comes before its end.
        self.pins.fetch_sub(pins, Ordering::AcqRel) == pins
    }

    /// Whether objects are counted.
    pub(super) fn is_limited(&self) -> bool {
        self.limit != usize::MAX
    }

    /// Counts up to `wanted` objects that will be out.
    fn reserve(&self, wanted: usize) -> Result<usize, Error> {
        if !self.is_limited() {
            return Ok(wanted);
        }
        let grow = |live: usize| {
            let more = wanted.min(self.limit.saturating_sub(live));
            (more > 0).then_some(live + more)
        };
        // Relaxed: a number, and nothing hangs on it.
        match self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(live) => Ok(wanted.min(self.limit - live)),
            Err(_) => Err(Error::LimitReached { limit: self.limit }),
        }
    }

    /// Objects that are not out any more.
    pub(super) fn unreserve(&self, count: usize) {
        if self.is_limited() && count > 0 {
            self.live.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// Lets the making of slabs, and the mapping of spans, fail after so many; for tests.
    #[doc(hidden)]
    pub fn fail_after(&self, slabs: Option<usize>, spans: Option<usize>) {
        for (fault, after) in self.faults.iter().zip([slabs, spans]) {
            fault.store(after.map_or(0, |after| after + 1), Ordering::Relaxed);
        }
    }

    fn fails(&self, fault: usize) -> bool {
        match self.faults[fault].load(Ordering::Relaxed) {
            0 => false,
            1 => true,
            left => {
                self.faults[fault].store(left - 1, Ordering::Relaxed);
                false
            }
        }
    }

    /// Takes objects of slabs that a node has already.
    fn take(&self, lists: &mut Lists, out: &mut [u64]) -> usize {
        let mut got = 0;
        if lists.closed {
            return 0;
        }
        while got < out.len() {
            let Some(slab) = lists.partial.first() else { break };
            let span = slab.span();
            let index = slab.state().index();
            let mut at = got;
            slab.take(out.len() - got, self.geometry.objects, |object| {
                out[at] = (span.base() + self.geometry.offset_of(index, object)) as u64;
                at += 1;
            });
            got = at;
            if slab.state().in_use() >= self.geometry.objects {
                lists.partial.remove(slab);
            } else if got < out.len() {
                continue;
            }
        }
        got
    }

    /// Makes a slab and takes objects of it.
    fn make(&self, node: usize, out: &mut [u64]) -> Result<usize, Error> {
        self.count_slab()?;
        let made = self.make_slab(node);
        let Some((span, slab, index)) = made? else {
            self.slabs.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::LimitReached { limit: 0 });
        };
        if let Some(constructor) = self.constructor {
            let unmake = Unmake { slabs: self, node, slab };
            for object in 0..self.geometry.objects {
                let address = span.base() + self.geometry.offset_of(index, object);
                let object = core::ptr::with_exposed_provenance_mut(address);
                // SAFETY: an object that nobody has; what `new` asks for.
                unsafe { (constructor.call)(object, constructor.context) };
            }
            core::mem::forget(unmake);
        }
        let count = out.len().min(self.geometry.objects);
        for (object, out) in out[..count].iter_mut().enumerate() {
            *out = (span.base() + self.geometry.offset_of(index, object)) as u64;
        }
        let mut lists = self.node(node).lock();
        if count < self.geometry.objects {
            // SAFETY: all of its objects are ours, so nobody else has any.
            unsafe { slab.keep_first(count, self.geometry.objects) };
            // SAFETY: a slab is unmapped when it is off the list only.
            unsafe { lists.partial.push_front(slab) };
        }
        Ok(count)
    }

    fn count_slab(&self) -> Result<(), Error> {
        let grow = |slabs| (slabs < self.max_slabs).then_some(slabs + 1);
        let objects = self.max_slabs.saturating_mul(self.geometry.objects);
        // Relaxed: a number, and nothing hangs on it.
        self.slabs
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow)
            .map(drop)
            .map_err(|_| Error::LimitReached { limit: objects })
    }

    /// A new slab, all of whose objects are in use; `None` if this is closed.
    fn make_slab(&self, node: usize) -> Result<Option<(Span, Slab, usize)>, Error> {
        let refused = || {
            self.slabs.fetch_sub(1, Ordering::Relaxed);
            Error::OutOfMemory { bytes: SPAN }
        };
        if self.fails(0) {
            return Err(refused());
        }
        let mut lists = self.node(node).lock();
        if lists.closed {
            return Ok(None);
        }
        let span = match lists.open.first() {
            Some(span) => span,
            None => {
                let owner = self.owner.load(Ordering::Relaxed);
                let bound = self.numa.real && self.numa.nodes > 1;
                let map = || Span::map(&self.geometry, node, bound, owner);
                let span = if self.fails(1) { None } else { map() }.ok_or_else(refused)?;
                // SAFETY: it is unmapped when it is off the list only.
                unsafe { lists.open.push_front(span) };
                span
            }
        };
        let index = span.take().expect("an open span");
        if span.used() == self.geometry.slabs {
            lists.open.remove(span);
            // SAFETY: as above.
            unsafe { lists.full.push_front(span) };
        }
        lists.slabs += 1;
        self.pin();
        // SAFETY: it was free, and the lock is held.
        let slab = unsafe { Slab::make(span, index, &self.geometry) };
        Ok(Some((span, slab, index)))
    }

    /// Gives back a slab that has no objects and is on no list. The caller has a pin of
    /// its own, and gives back the slab's.
    pub(super) fn discard(&self, node: usize, slab: Slab) {
        let (span, index) = (slab.span(), slab.state().index());
        // SAFETY: nobody has an object of it.
        unsafe { span.discard(&self.geometry, index) };
        let mut lists = self.node(node).lock();
        lists.slabs -= 1;
        if span.used() == self.geometry.slabs {
            lists.full.remove(span);
            // SAFETY: it is unmapped when it is off the list only.
            unsafe { lists.open.push_front(span) };
        }
        span.give(index);
        if span.used() == 0 {
            if lists.closed || lists.open.len() > 1 {
                lists.open.remove(span);
                drop(lists);
                // SAFETY: no slab of it exists, and it is on no list.
                unsafe { span.unmap() };
            } else {
                // SAFETY: no slab of it exists.
                unsafe { span.discard_heads(&self.geometry) };
            }
        }
        self.slabs.fetch_sub(1, Ordering::Relaxed);
    }

    fn fill(&self, refill: &mut Refill<'_>) -> Result<(), Error> {
        let here = self.here();
        let rest = |refill: &mut Refill<'_>, lists: &mut Lists| {
            refill.got += self.take(lists, &mut refill.out[refill.got..]);
        };
        rest(refill, &mut self.node(here).lock());
        while refill.got < refill.out.len() {
            match self.make(here, &mut refill.out[refill.got..]) {
                Ok(count) => refill.got += count,
                Err(_) if refill.got > 0 => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Gives a slab back whose objects could not be made.
struct Unmake<'a> {
    slabs: &'a Slabs,
    node: usize,
    slab: Slab,
}

impl Drop for Unmake<'_> {
    fn drop(&mut self) {
        self.slabs.discard(self.node, self.slab);
        // It is open still, as it is being asked for objects.
        let _ = self.slabs.unpin(1);
    }
}

/// Objects of a refill on their way; frees them if a constructor panics.
struct Refill<'a> {
    slabs: &'a Slabs,
    out: &'a mut [u64],
    got: usize,
    done: bool,
}

impl Drop for Refill<'_> {
    fn drop(&mut self) {
        let kept = if self.done { self.got } else { 0 };
        self.slabs.unreserve(self.out.len() - self.got);
        if kept < self.got {
            let _ = self.slabs.free(&self.out[..self.got]);
        }
    }
}

impl Source for Slabs {
    type Error = Error;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Error> {
        let wanted = self.reserve(out.len())?;
        let mut refill = Refill { slabs: self, out: &mut out[..wanted], got: 0, done: false };
        self.fill(&mut refill)?;
        refill.done = true;
        Ok(refill.got)
    }

    /// Whoever closes the `Slabs` calls [`free`](Slabs::free) instead, to be told of the
    /// end.
    fn release(&self, items: &[u64]) {
        let _ = self.free(items);
    }
}

impl Drop for Slabs {
    /// Objects that are still out stay where they are: their slabs are leaked.
    fn drop(&mut self) {
        let _ = self.close();
        if self.others != 0 {
            for index in 1..self.numa.nodes {
                let node: *const Node = self.node(index);
                // SAFETY: made in `make_nodes`, and nobody uses it any more.
                unsafe { node.cast_mut().drop_in_place() };
            }
            let (bytes, align) = Self::nodes_layout(self.numa.nodes - 1);
            // SAFETY: mapped with these, and nobody uses it any more.
            unsafe { memory::unmap(self.others, bytes, align) };
        }
    }
}

impl fmt::Debug for Slabs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slabs")
            .field("geometry", &self.geometry)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
