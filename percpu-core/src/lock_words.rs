//! The words of a [`LocalLock`](crate::LocalLock)'s copy, and how it is locked by them.
//!
//! # Words
//! On a unit with sections:
//!
//! | word | written by |
//! | --- | --- |
//! | `held` | 0 -> 1 by a section of this CPU; 1 -> 0 by the holder (store-release) |
//! | `stop` | 0 <-> 1 by the remote locker, who owns `remote` |
//! | `waiters` | counted up and down by whoever is about to sleep |
//! | `remote` | a mutex among remote lockers |
//!
//! No remote read-modify-write ever meets `held`: a section's plain store would
//! undo it. The remote way in is
//!
//! ```text
//!   lock remote;  stop = 1;  fence(unit);  wait until held == 0   -> holder
//!   stop = 0;  unlock remote
//! ```
//! After the fence each section has either committed `held = 1`, which the wait
//! sees, or restarted, and then it loads `stop == 1` and is busy.
//!
//! On a unit without sections (the shared unit, portable mode) `held` is an
//! ordinary three-state mutex (0 free, 1 held, 2 held and contended), changed by
//! compare-exchange by local and remote lockers alike; `stop` is not used.
//!
//! # Orderings
//! - Holder to next holder: `held` store Release; the section loads it with
//!   acquire (a holder may unlock from another CPU).
//! - Remote holder to next local holder: `stop` store Release, same section.
//! - Local holder to remote holder: `held` store Release, Acquire load in the wait.
//! - No lost wake-up: a waiter counts itself in `waiters`, fences *every* CPU,
//!   and looks again; the holder stores `held`, then loads `waiters`, with only
//!   `fence::light` (a compiler fence) between. If the load came too early to see the waiter,
//!   the fence came after it and has pushed the store out before the waiter
//!   looks. A refused fence (seccomp) turns waiting into polling.

use core::time::Duration;

use crate::atomic::{AtomicU32, Ordering};
use crate::error::Error;
use crate::fence;
use crate::inject::{self, Point};
use crate::mutate::{mutated, order};
use crate::sys::sync::{self, Mutex, MutexGuard};
use crate::unit::Unit;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody sleeps; on units without sections only.
const CONTENDED: u32 = 2;

/// The words before a value.
#[repr(C)]
pub(crate) struct LockWords {
    // These two first: the section of `ops::acquire` finds them there.
    held: AtomicU32,
    stop: AtomicU32,
    waiters: AtomicU32,
    remote: Mutex<()>,
}

impl LockWords {
    #[cfg(not(percpu_loom))]
    pub(crate) const fn new() -> Self {
        Self {
            held: AtomicU32::new(FREE),
            stop: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            remote: Mutex::new(()),
        }
    }

    #[cfg(percpu_loom)]
    pub(crate) fn new() -> Self {
        Self {
            held: AtomicU32::new(FREE),
            stop: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            remote: Mutex::new(()),
        }
    }

    /// As of now, whoever holds it.
    pub(crate) fn is_locked(&self) -> bool {
        self.held.load(Ordering::Relaxed) != FREE || self.stop.load(Ordering::Relaxed) != 0
    }

    /// Sleeps until the copy may be free: neither held nor stopped, or woken.
    #[cold]
    pub(crate) fn wait(&self) {
        inject::at(Point::Busy);
        let limit = self.announce();
        inject::at(Point::Announced);
        if self.held.load(Ordering::Relaxed) != FREE {
            sync::wait(&self.held, HELD, limit);
        } else if self.stop.load(Ordering::Relaxed) != 0 {
            sync::wait(&self.stop, 1, limit);
        }
        // Relaxed: a count; who reads it too high only makes a call too many.
        self.waiters.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts this thread as a waiter, visibly to holders anywhere. Returns how
    /// long it may sleep: for ever, or briefly if the fence is refused.
    fn announce(&self) -> Option<Duration> {
        // Relaxed: ordered by the fence that follows; see "no lost wake-up".
        self.waiters.fetch_add(1, Ordering::Relaxed);
        if mutated("no_waiter_fence") {
            return None;
        }
        fence::all().err().map(|_| Duration::from_millis(1))
    }

    /// By the holder, who locked by a section.
    #[inline]
    pub(crate) fn unlock_section(&self) {
        // Release: the next holder's section acquires it.
        self.held.store(FREE, order(Ordering::Release, "unlock_relaxed"));
        // The dear half is the waiter's, in `announce`.
        if !mutated("no_light_fence") {
            fence::light();
        }
        inject::at(Point::Unlocked);
        if self.waiters.load(Ordering::Relaxed) != 0 {
            sync::wake_all(&self.held);
        }
    }

    /// Stops the unit's own lockers and waits for the holder; the mutex among remote lockers.
    #[cold]
    pub(crate) fn lock_remote(&self, unit: Unit) -> Result<MutexGuard<'_, ()>, Error> {
        let remote = if mutated("remote_lockers_together") {
            Box::leak(Box::new(Mutex::new(()))).lock()
        } else {
            self.remote.lock()
        };
        // Relaxed: the fence orders it before every section that starts later.
        if !mutated("stop_after_fence") {
            self.stop.store(1, Ordering::Relaxed);
        }
        inject::at(Point::Stopped);
        if !mutated("no_fence") {
            if let Err(error) = fence::unit(unit) {
                self.let_go();
                return Err(error);
            }
        }
        inject::at(Point::Fenced);
        if mutated("stop_after_fence") {
            self.stop.store(1, Ordering::Relaxed);
        }
        // Acquire: what the last local holder wrote (its store-release).
        while self.held.load(order(Ordering::Acquire, "remote_relaxed")) != FREE {
            let limit = self.announce();
            inject::at(Point::Announced);
            if self.held.load(Ordering::Relaxed) != FREE {
                sync::wait(&self.held, HELD, limit);
            }
            self.waiters.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(remote)
    }

    /// Ends a stop.
    pub(crate) fn let_go(&self) {
        inject::at(Point::Taken);
        // Release: the next local holder's section acquires `stop`.
        self.stop.store(0, order(Ordering::Release, "stop_relaxed"));
        // A remote locker can afford the fence that pairs with the waiter's.
        if !mutated("no_let_go_fence") {
            crate::atomic::fence(Ordering::SeqCst);
        }
        inject::at(Point::Unlocked);
        if self.waiters.load(Ordering::Relaxed) != 0 {
            sync::wake_all(&self.stop);
        }
    }

    /// Locks a copy without sections, if it is free.
    #[inline]
    pub(crate) fn try_atomic(&self) -> bool {
        // Acquire: pairs with the release in `unlock_atomic`.
        let taken = order(Ordering::Acquire, "atomic_lock_relaxed");
        self.held.compare_exchange(FREE, HELD, taken, Ordering::Relaxed).is_ok()
    }

    /// The same, and waits for it.
    pub(crate) fn wait_atomic(&self) {
        if self.try_atomic() {
            return;
        }
        // Acquire: as above. Whoever waited cannot know whether others do.
        while self.held.swap(CONTENDED, order(Ordering::Acquire, "atomic_wait_relaxed")) != FREE {
            sync::wait(&self.held, CONTENDED, None);
        }
    }

    #[inline]
    pub(crate) fn unlock_atomic(&self) {
        // Release: pairs with the acquires above.
        let was = self.held.swap(FREE, order(Ordering::Release, "atomic_unlock_relaxed"));
        if was == CONTENDED && !mutated("atomic_no_wake") {
            sync::wake_all(&self.held);
        }
    }
}
