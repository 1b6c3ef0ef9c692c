//! [`Core`]: what a cache's handle and all its objects point to, and who frees it.
//!
//! # Why
//! An object knows its cache: the span that it lies in has the core's address in its
//! first word. So a free needs no handle, and an object may outlive it.
//!
//! ```text
//!   handle --> core: Magazines, Slabs
//!                ^
//!                | owner word, one a span
//!   object ---> span (the object's address without its low bits)
//! ```
//!
//! # Invariants
//! - L1: the core is there as long as the handle is, or an object is anywhere but in its
//!   slab: at a user's, in a magazine, in a depot, in the hands of a thread.
//! - L2: the handle's drop closes the magazines, then the slabs. From then on
//!   `Slabs::close` and `Slabs::free` say once that all objects are in their slabs.
//!   Whoever is told frees the core, and nobody else does.
//! - L3: a free holds its object, which keeps the core (L1), until it is pushed or given
//!   to its slab. That is the last time it touches the core (M2 of `magazines.rs`); what
//!   the slabs said is on its own stack, in [`Below`]. The core may be freed before the
//!   free has returned, so no byte of it is frozen (`unfrozen.rs` of percpu-core).
//! - L4: if the magazines cannot be closed, because the system refuses a fence, what lies
//!   in them stays out of its slab. So the core stays, with those objects: leaked, but
//!   sound.
//!
//! No operation counts a reference: the object that it holds is one.
//!
//! # Orderings
//! - The core's fields before the first object: the slabs publish an object to whoever
//!   gets it (Release and Acquire of its slab's state, or the node's lock), and the owner
//!   word was stored before. From thread to thread an object goes as any value does.
//! - All uses of the core before it is freed: each free's last use is before its release
//!   of the object to a slab or a magazine, whoever takes it from there acquires that,
//!   and whoever is told that all objects have come acquires each free.
//!
//! # Safety
//! Turns the owner word, which only this file sets, back into the core, and frees the
//! core when nobody is left (L1, L2, L3).

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::cell::Cell;
use core::ops::Deref;
use core::ptr::{self, NonNull};
use std::sync::Arc;

use percpu_core::__raw::Unfrozen;

use super::hooks::Hooks;
use super::magazines::Magazines;
use super::slabs::Slabs;
use super::source::Source;
use crate::error::Error;

/// In an owner word: there are several nodes, or hooks, or hits are counted, so that a
/// free has to look closer. A core's address has this bit clear.
pub(super) const NOT_PLAIN: usize = 1;

// The bits of `NOT_PLAIN` are clear in its address.
#[repr(align(64))]
pub(super) struct Core(Unfrozen<Parts>);

/// Of a core (L3).
pub(super) struct Parts {
    pub(super) magazines: Magazines,
    pub(super) slabs: Slabs,
    pub(super) hooks: Option<Arc<dyn Hooks>>,
    /// Of what users get.
    pub(super) layout: Layout,
    /// Who uses the core says so, for models.
    #[cfg(percpu_loom)]
    pub(super) life: life::Life,
}

/// What a thread gives below, and whether that was the last of all objects.
pub(super) struct Below<'a> {
    slabs: &'a Slabs,
    pub(super) last: Cell<bool>,
}

impl<'a> Below<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { slabs: &core.slabs, last: Cell::new(false) }
    }
}

impl Source for Below<'_> {
    type Error = Error;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Error> {
        self.slabs.refill(out)
    }

    fn release(&self, items: &[u64]) {
        if self.slabs.free(items) {
            self.last.set(true);
        }
    }
}

fn _core_is_shared() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Core>();
}

impl Deref for Core {
    type Target = Parts;

    #[inline(always)]
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Core {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Unfrozen::new(parts))
    }

    /// To be called by whoever uses the core, so that a model notices if the core is
    /// freed beside it.
    #[inline(always)]
    pub(super) fn is_used(&self) {
        #[cfg(percpu_loom)]
        self.life.is_used();
    }

    /// Free objects that may lie with other CPUs come to where `again` finds them.
    #[cold]
    pub(super) fn gather<R>(
        &self,
        error: Error,
        below: &Below<'_>,
        mut again: impl FnMut() -> Result<R, Error>,
    ) -> Result<R, Error> {
        if self.cached() == 0 || self.flush(below).is_err() {
            return Err(error);
        }
        again()
    }

    pub(super) fn flush(&self, below: &Below<'_>) -> Result<(), Error> {
        match &self.hooks {
            Some(hooks) => {
                hooks.flush(false, below);
                Ok(())
            }
            None => self.magazines.flush(below),
        }
    }

    pub(super) fn cached(&self) -> usize {
        self.hooks.as_ref().map_or_else(|| self.magazines.cached(), |hooks| hooks.kept())
    }

    /// Frees an object that was claimed, not by this CPU's magazine alone; whether it was
    /// the last.
    pub(super) fn free(&self, object: u64) -> bool {
        self.is_used();
        let below = Below::new(self);
        if let Some(hooks) = &self.hooks {
            // They may use themselves when the object has gone.
            Arc::clone(hooks).put(object, &below);
        } else if self.is_of_another_node(object) {
            below.release(&[object]);
        } else {
            // Not `put`, which begins with a section that was tried before.
            self.magazines.put_slow(object, &below);
        }
        below.last.get()
    }

    /// Frees objects of this core; whether they were the last.
    pub(super) fn free_run(&self, objects: &[u64]) -> bool {
        self.is_used();
        let below = Below::new(self);
        self.magazines.put_batch(objects, &below);
        below.last.get()
    }

    /// Whether the object should not come to this CPU's magazine.
    #[doc(alias = "can_free_to_pcs")]
    fn is_of_another_node(&self, object: u64) -> bool {
        let numa = &self.slabs.0.numa;
        // SAFETY: the object is the caller's.
        numa.nodes > 1 && (numa.here)() != unsafe { Slabs::node_of(object as usize) }
    }
}

/// Frees the core if all objects have come.
///
/// # Safety
/// `last` is what the slabs said of a free of this thread's.
pub(super) unsafe fn end_if(last: bool, core: *mut Core) {
    if last {
        // SAFETY: all objects are in their slabs for good, and this thread was told so:
        // nobody else has or will have the core (L2, L3).
        drop(unsafe { Box::from_raw(core) });
    }
}

/// What models look at: how many cores there are, and whether one is freed while
/// somebody uses it.
#[cfg(percpu_loom)]
pub(super) mod life {
    use std::cell::Cell;

    use crate::raw::life;

    std::thread_local! {
        // All threads of a model are one.
        pub(in crate::raw) static CORES: Cell<usize> = const { Cell::new(0) };
    }

    pub(in crate::raw) struct Life(life::Life);

    impl Life {
        pub(in crate::raw) fn new() -> Self {
            CORES.set(CORES.get() + 1);
            Self(life::Life::new())
        }

        pub(in crate::raw) fn is_used(&self) {
            self.0.is_used();
        }
    }

    impl Drop for Life {
        fn drop(&mut self) {
            CORES.set(CORES.get() - 1);
        }
    }
}

#[inline(always)]
pub(super) fn core_of(owner: usize) -> *mut Core {
    ptr::with_exposed_provenance_mut(owner & !NOT_PLAIN)
}

/// Items are addresses whose provenance is exposed.
#[inline(always)]
pub(crate) fn pointer(item: u64) -> NonNull<u8> {
    NonNull::new(ptr::with_exposed_provenance_mut(item as usize)).expect("an item is never 0")
}

#[inline(always)]
pub(super) fn item(object: NonNull<u8>) -> u64 {
    object.as_ptr().expose_provenance() as u64
}
