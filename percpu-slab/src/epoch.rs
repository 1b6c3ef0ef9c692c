//! Deferred free: objects that go back when no reader can have them any more.
//!
//! # Why
//! Who takes a node out of a lock-free structure may not free it at once: a reader may be
//! about to look at it. crossbeam-epoch knows when no reader is. It is asked once a batch:
//! objects that wait are gathered on each CPU, as the kernel's `kfree_rcu` does.
//!
//! ```text
//!   defer_free --> this CPU's batch --> the epoch, when it is full --> values dropped,
//!                                        or drained, or flushed        objects free
//! ```
//!
//! # Invariants
//! - E1: an object comes to a batch after it was taken out of whatever readers go through,
//!   and a batch to the epoch after all of its objects came to it. So a grace period of
//!   the batch's is one of each object's.
//! - E2: a batch has objects of one collector only, the default one: who uses another
//!   hands each object over by itself, with the guard that it has.
//! - E3: an object that waits is in use for its cache, which it keeps; so it does not
//!   matter whether the handle is there when its time comes.
//! - E4: `handed` counts an object from before its batch is handed over until it is free.
//!
//! # Safety
//! Drops values that `defer_free` was promised are the caller's, once, after a grace
//! period; the closure that does it is sent to other threads and outlives everything,
//! which is why values are `Send + 'static`.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use crossbeam_epoch::{Guard, default_collector, is_pinned, pin};
use percpu_core::__raw::discard;
use percpu_core::Unit;
use percpu_core::hotplug::State;

use crate::error::Error;
use crate::handed::Handed;
use crate::raw::Batches;

/// The most objects of a batch: those of a magazine.
const MAX_BATCH: usize = 60;

/// Objects of a cache that wait for a grace period.
pub(crate) struct Deferred {
    /// `None` if there was no per-CPU memory for them: then each object goes by itself.
    batches: Option<Batches>,
    /// Objects with the epoch.
    handed: Handed,
    /// Drops values and frees their objects.
    release: unsafe fn(&[u64]),
}

impl Deferred {
    fn new(batch: usize, release: unsafe fn(&[u64])) -> Arc<Self> {
        let batches = Batches::new(batch.clamp(2, MAX_BATCH)).ok();
        Arc::new(Self { batches, handed: Handed::default(), release })
    }

    /// Releases an object when a grace period that begins now has passed.
    ///
    /// # Safety
    /// Nobody who is not pinned now comes to the object any more, and nobody else
    /// releases it. `release` may be called with it, on any thread, at any later time.
    #[inline]
    pub(crate) unsafe fn defer(self: &Arc<Self>, item: u64, guard: &Guard) {
        let usual = guard.collector() == Some(default_collector());
        match &self.batches {
            Some(batches) if usual => batches.push(item, |batch| {
                // SAFETY: as promised; E1 for those that came before.
                unsafe { self.hand(batch, guard, true) };
            }),
            // SAFETY: as promised.
            _ => unsafe { self.hand(&[item], guard, usual) },
        }
    }

    /// Hands objects to the epoch of the guard.
    ///
    /// # Safety
    /// As [`defer`](Self::defer), for each.
    unsafe fn hand(self: &Arc<Self>, objects: &[u64], guard: &Guard, counted: bool) {
        if counted {
            self.handed.add(objects.len());
        }
        let mut items = [0; MAX_BATCH];
        items[..objects.len()].copy_from_slice(objects);
        let batch =
            Box::new(Batch { deferred: Arc::clone(self), items, len: objects.len(), counted });
        // SAFETY: the batch owns what it has: it may go to any thread, at any time, and
        // its objects were promised to be nobody else's by then.
        unsafe { guard.defer_unchecked(move || batch.release()) };
        collect(guard);
    }

    /// Hands what waits on a unit to the epoch.
    ///
    /// # Errors
    /// As [`Batches::drain`].
    fn drain(self: &Arc<Self>, unit: Unit) -> Result<(), Error> {
        let Some(batches) = &self.batches else { return Ok(()) };
        // SAFETY: E1, E2.
        batches.drain(unit, |batch| unsafe { self.hand(batch, &pin(), true) })
    }

    /// Hands all that waits on CPUs to the epoch.
    ///
    /// # Errors
    /// As [`Batches::flush`].
    fn flush(self: &Arc<Self>) -> Result<(), Error> {
        let Some(batches) = &self.batches else { return Ok(()) };
        // SAFETY: E1, E2.
        batches.flush(|batch| unsafe { self.hand(batch, &pin(), true) })
    }

    /// How many objects wait; of a moment ago.
    fn waiting(&self) -> usize {
        self.batches.as_ref().map_or(0, Batches::len) + self.handed.count()
    }

    /// Waits until all that was deferred before is free: `false` if this thread is
    /// pinned, so that it would wait for itself.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    fn barrier(self: &Arc<Self>) -> Result<bool, Error> {
        self.flush()?;
        let mut rounds = 0u32;
        while !self.handed.is_none() {
            if is_pinned() {
                return Ok(false);
            }
            collect(&pin());
            rounds += 1;
            match rounds {
                ..64 => std::thread::yield_now(),
                _ => std::thread::sleep(core::time::Duration::from_micros(100)),
            }
        }
        Ok(true)
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred")
            .field("batches", &self.batches)
            .field("handed", &self.handed)
            .finish_non_exhaustive()
    }
}

/// What a cache has of its objects that wait; made when the first one is deferred. When
/// it is dropped they are handed to the epoch, which does not need it.
#[derive(Default)]
pub(crate) struct Handle(OnceLock<(Arc<Deferred>, Option<State>)>);

impl Handle {
    /// Those of a cache whose objects `release` may be called with.
    #[inline]
    pub(crate) fn get_or_init(&self, batch: usize, release: unsafe fn(&[u64])) -> &Arc<Deferred> {
        let make = || {
            let deferred = Deferred::new(batch, release);
            let theirs = Arc::downgrade(&deferred);
            let state = State::new("percpu-slab deferred").drain(move |unit| {
                if let Some(deferred) = theirs.upgrade() {
                    // A refused fence leaves the objects where they are.
                    let _ = deferred.drain(unit);
                }
            });
            (deferred, state.register_nocalls().ok())
        };
        &self.0.get_or_init(make).0
    }

    fn deferred(&self) -> Option<&Arc<Deferred>> {
        self.0.get().map(|(deferred, _)| deferred)
    }

    /// Hands what waits on a unit to the epoch.
    ///
    /// # Errors
    /// As [`Batches::drain`].
    pub(crate) fn drain(&self, unit: Unit) -> Result<(), Error> {
        self.deferred().map_or(Ok(()), |deferred| deferred.drain(unit))
    }

    /// Hands all that waits on CPUs to the epoch.
    ///
    /// # Errors
    /// As [`Batches::flush`].
    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.deferred().map_or(Ok(()), Deferred::flush)
    }

    /// How many objects wait; of a moment ago.
    pub(crate) fn waiting(&self) -> usize {
        self.deferred().map_or(0, |deferred| deferred.waiting())
    }

    /// Waits until all that was deferred before is free; `false` if this thread is
    /// pinned, so that it would wait for itself.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub(crate) fn barrier(&self) -> Result<bool, Error> {
        self.deferred().map_or(Ok(true), Deferred::barrier)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A refused fence leaves objects where nobody looks for them: leaked, but sound.
        let _ = self.flush();
    }
}

/// Objects that wait together.
struct Batch {
    deferred: Arc<Deferred>,
    items: [u64; MAX_BATCH],
    len: usize,
    counted: bool,
}

impl Batch {
    fn release(&self) {
        let deferred = &self.deferred;
        // SAFETY: a grace period has passed, and `defer` was promised the rest.
        turn(|| unsafe { (deferred.release)(&self.items[..self.len]) });
        if self.counted {
            deferred.handed.done(self.len);
        }
    }
}

/// Calls `drop_one` with each object. If it panics the others are still dropped, and the
/// panic ends here, because who collects garbage has nothing to do with it.
pub(crate) fn for_each<T>(objects: &[u64], mut drop_one: impl FnMut(*mut T)) {
    for &object in objects {
        let value = core::ptr::with_exposed_provenance_mut::<T>(object as usize);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop_one(value))) {
            // The hook has told it.
            discard(panic);
        }
    }
}

std::thread_local! {
    /// Whether this thread collects, and whether there is more to collect then.
    static TURN: Cell<Turn> = const { Cell::new(Turn::Idle) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Idle,
    Busy,
    Again,
}

/// Runs `f`, in which garbage is collected, and then collects what that left.
///
/// What is dropped in `f` may defer more, and collect it: that waits until here, so that a
/// list of a million nodes, each of which defers the next, does not need a stack for all.
fn turn(f: impl FnOnce()) {
    /// Ends the turn, also if somebody else's garbage panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            TURN.set(Turn::Idle);
        }
    }
    if TURN.get() != Turn::Idle {
        return f();
    }
    TURN.set(Turn::Busy);
    let _end = End;
    f();
    while TURN.replace(Turn::Busy) == Turn::Again {
        pin().flush();
    }
}

/// Sees to it that others can collect what this thread has, and collects.
fn collect(guard: &Guard) {
    match TURN.get() {
        Turn::Idle => turn(|| guard.flush()),
        Turn::Busy | Turn::Again => TURN.set(Turn::Again),
    }
}
