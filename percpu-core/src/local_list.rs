//! [`LocalList`]: a list of nodes on each unit, last in, first out.
//!
//! ```text
//!   gate: head ──> node: next ──> node: next ──> 0
//!         stop           value          value
//! ```
//! A push stores the head into its node's `next` and commits the node as head; a
//! pop loads the head's `next` and commits that. There is no ABA and no dangling
//! read: `next` is loaded inside the section, and whoever pops the node in between
//! runs on this CPU, which aborts the section, or drains, which stops and fences
//! (`drain.rs`). Where there are no sections, `gate.rs` says who may come in.
//!
//! # Invariants
//! - L1: the head, and each `next` of a node in a list, is 0 or the exposed
//!   address of a leaked `Box<ListNode<T>>` that is in this list alone.
//! - L2: who takes a node out of the list is its owner.
//!
//! # Safety
//! Turns addresses that L1 speaks of back into boxes, once each (L2).

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use crate::atomic::{AtomicUsize, Ordering};
use crate::copies::Copies;
use crate::drain;
use crate::error::Error;
use crate::mutate::mutated;
use crate::ops::{self, Gate};
use crate::unit::Unit;
use crate::word::run_at;

/// A list of nodes on each unit, last in, first out: this CPU's free list.
///
/// Put it into [`percpu!`](crate::percpu) or [`PerCpu`](crate::PerCpu); the
/// methods are on the handle. Push and pop allocate nothing, take no lock and
/// use no locked instruction; nodes may be pushed on one CPU and popped on
/// another only by a thread that carries them there, or by a drain.
///
/// An operation never waits. While a drain empties this CPU's list, or, in
/// portable mode, another thread is inside it, `push` hands the node back and
/// `pop` finds nothing: callers have somewhere else to go, as with any cache.
///
/// ```
/// use percpu_core::{ListNode, LocalList, percpu};
///
/// percpu! { static FREE: LocalList<Vec<u8>> = LocalList::new(); }
///
/// let node = FREE.pop().unwrap_or_else(|| ListNode::new(Vec::with_capacity(4096)));
/// let _ = FREE.push(node); // handed back: let it go
/// FREE.drain(|_unit, node| drop(node))?;
/// # Ok::<(), percpu_core::Error>(())
/// ```
#[repr(C)]
pub struct LocalList<T> {
    // First: the sections find it there.
    gate: Gate,
    nodes: PhantomData<Box<ListNode<T>>>,
}

// SAFETY: through a shared list nodes go in and come out whole, from any thread;
// no reference to what is inside is given.
unsafe impl<T: Send> Sync for LocalList<T> {}

/// What [`LocalList`]s are made of: a value, and room for a link.
#[repr(C)]
pub struct ListNode<T> {
    // First: the sections find it there.
    next: AtomicUsize,
    value: T,
}

impl<T> ListNode<T> {
    /// Boxes a value with room for a link.
    pub fn new(value: T) -> Box<Self> {
        Box::new(Self { next: AtomicUsize::new(0), value })
    }

    /// The value alone.
    #[expect(clippy::boxed_local, reason = "nodes are had in boxes only")]
    pub fn into_value(self: Box<Self>) -> T {
        self.value
    }
}

impl<T> Deref for ListNode<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for ListNode<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for ListNode<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T> LocalList<T> {
    /// An empty list.
    #[cfg(not(percpu_loom))]
    pub const fn new() -> Self {
        Self { gate: Gate::new(), nodes: PhantomData }
    }

    /// An empty list.
    #[cfg(percpu_loom)]
    pub fn new() -> Self {
        Self { gate: Gate::new(), nodes: PhantomData }
    }

    /// Whether the list was empty a moment ago.
    pub fn is_empty(&self) -> bool {
        self.gate.peek() == 0
    }

    /// `push` without sections. The lock orders it; relaxed inside.
    fn push_alone(&self, node: usize) -> bool {
        let pushed = self.gate.try_alone(|| {
            // SAFETY: the caller's own node.
            let next = unsafe { &(*at::<T>(node)).next };
            next.store(self.gate.word.load(Ordering::Relaxed), Ordering::Relaxed);
            self.gate.word.store(node, Ordering::Relaxed);
        });
        pushed.is_some()
    }

    /// `pop` without sections. The lock orders it; relaxed inside.
    fn pop_alone(&self) -> usize {
        let popped = self.gate.try_alone(|| {
            let head = self.gate.word.load(Ordering::Relaxed);
            if head != 0 {
                // SAFETY: L1, and only the lock's holder takes nodes out.
                let next = unsafe { &(*at::<T>(head)).next };
                self.gate.word.store(next.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            head
        });
        popped.unwrap_or(0)
    }
}

/// The node at an address, as L1 means it.
fn at<T>(node: usize) -> *mut ListNode<T> {
    core::ptr::with_exposed_provenance_mut(node)
}

/// # Safety
/// `node` is the address of a leaked node that is in no list, and its owner is
/// the caller.
unsafe fn own<T>(node: usize) -> Box<ListNode<T>> {
    // SAFETY: the caller's word.
    unsafe { Box::from_raw(at(node)) }
}

impl<T: Send> Copies<LocalList<T>> {
    /// Puts a node into this CPU's list.
    ///
    /// # Errors
    /// The node, if the list is being drained, or in portable mode used by
    /// another thread, at this moment.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    ///
    /// # Performance
    /// A section of 14 instructions.
    #[inline]
    pub fn push(&self, node: Box<ListNode<T>>) -> Result<(), Box<ListNode<T>>> {
        // Before the node is leaked: this may panic.
        let place = self.home.resolved();
        let node = Box::into_raw(node).expose_provenance();
        let pushed = run_at(
            place,
            // SAFETY: `LocalList` is `repr(C)` and begins with its gate, and a
            // node with its link; the rest is L1 and the node just leaked.
            move |at, by| unsafe { ops::list_push(at, node, by) },
            move |list| list.push_alone(node),
        );
        // SAFETY: leaked above; what was not pushed is in no list.
        if pushed { Ok(()) } else { Err(unsafe { own(node) }) }
    }

    /// Takes the node that was put last into this CPU's list; `None` if it is
    /// empty, or, as for [`push`](Self::push), busy.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    ///
    /// # Performance
    /// As [`push`](Self::push), and the first touch of the node's memory.
    #[inline]
    pub fn pop(&self) -> Option<Box<ListNode<T>>> {
        let node = run_at(
            self.home.resolved(),
            // SAFETY: as in `push`.
            |at, by| unsafe { ops::list_pop(at, by) },
            |list| list.pop_alone(),
        );
        // SAFETY: L1; it was taken out by this pop alone (L2).
        (node != 0).then(|| unsafe { own(node) })
    }

    /// Empties the list of one unit, from any CPU, and hands each node to `f`.
    /// Returns how many there were. Every node whose push has returned, and is
    /// ordered before, is among them if nobody popped it.
    ///
    /// `f` runs with the list open again. If it panics, the remaining nodes are
    /// dropped. Not for signal handlers.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; nothing was taken.
    ///
    /// # Performance
    /// A fence, see [`fence::unit`](crate::fence::unit), unless it is empty.
    pub fn drain_on(
        &self,
        unit: Unit,
        mut f: impl FnMut(Box<ListNode<T>>),
    ) -> Result<usize, Error> {
        let list = self.on(unit).get();
        if list.is_empty() {
            return Ok(0);
        }
        let taken = drain::stopped(&list.gate, unit, || Chain::<T> {
            head: list.gate.word.swap(0, Ordering::Relaxed),
            nodes: PhantomData,
        })?;
        Ok(taken.map(&mut f).count())
    }

    /// As [`drain_on`](Self::drain_on), for each unit that was ever used.
    ///
    /// # Errors
    /// As that; units before the one that failed are empty.
    pub fn drain(&self, mut f: impl FnMut(Unit, Box<ListNode<T>>)) -> Result<usize, Error> {
        let skipped = usize::from(mutated("unit_not_drained"));
        let units = Unit::all_active()?.skip(skipped);
        units.map(|unit| self.drain_on(unit, |node| f(unit, node))).sum()
    }
}

/// Nodes taken out of a list: owned by this, by L2.
struct Chain<T> {
    head: usize,
    nodes: PhantomData<Box<ListNode<T>>>,
}

impl<T> Iterator for Chain<T> {
    type Item = Box<ListNode<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.head == 0 {
            return None;
        }
        // SAFETY: L1; the chain owns its nodes and gives each away once.
        let node = unsafe { own::<T>(self.head) };
        self.head = node.next.load(Ordering::Relaxed);
        Some(node)
    }
}

impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<T> Drop for LocalList<T> {
    fn drop(&mut self) {
        let head = self.gate.peek();
        drop(Chain::<T> { head, nodes: PhantomData });
    }
}

impl<T> Default for LocalList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for LocalList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalList").field("empty", &self.is_empty()).finish_non_exhaustive()
    }
}
