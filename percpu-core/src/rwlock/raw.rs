//! [`RawPerCpuRwLock`]: the lock without what it guards, for `lock_api`.
//!
//! # Safety
//!
//! Promises `lock_api` that nobody is in beside a writer: invariants R1 to R3 of
//! `protocol.rs`. No part of the protocol knows which thread or CPU somebody came in
//! on, so whoever has a guard may leave with it, wherever it was sent to: readers
//! are a sum, and the writer's leave is a step under an ordinary mutex, taken and
//! let go of inside that step.

#![allow(unsafe_code)]

use core::fmt;
use std::time::{Duration, Instant};

use lock_api::{GuardSend, RawRwLock, RawRwLockDowngrade, RawRwLockFair, RawRwLockTimed};

use super::protocol::Protocol;
use super::queue::Until;
use crate::error::Error;

/// A reader-writer lock whose readers write nothing but their own CPU's word, for
/// [`lock_api`]: its `RwLock`, and whatever else takes a raw lock.
///
/// [`PerCpuRwLock`](crate::PerCpuRwLock) is this with what it guards, and says what
/// may be relied on. This one alone, made by [`INIT`](RawRwLock::INIT), allocates
/// when it is first read; without memory it does what other locks do, count
/// all readers in one word.
///
/// ```
/// use percpu_core::RawPerCpuRwLock;
/// use percpu_core::lock_api::{RawRwLock, RwLock};
///
/// static NAMES: RwLock<RawPerCpuRwLock, Vec<&str>> =
///     RwLock::const_new(RawPerCpuRwLock::INIT, Vec::new());
/// NAMES.write().push("unit");
/// assert_eq!(NAMES.read().len(), 1);
/// ```
#[doc(alias = "percpu_rw_semaphore")]
pub struct RawPerCpuRwLock(Kept);

#[cfg(not(percpu_loom))]
type Kept = Protocol;
/// loom's atomics are no constants.
#[cfg(percpu_loom)]
type Kept = std::sync::OnceLock<Protocol>;

impl RawPerCpuRwLock {
    /// A lock with its per-CPU words, so that no later use allocates any.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    #[doc(alias = "percpu_init_rwsem")]
    pub fn new() -> Result<Self, Error> {
        let protocol = Protocol::new()?;
        #[cfg(percpu_loom)]
        let protocol = Kept::from(protocol);
        Ok(Self(protocol))
    }

    #[cfg(not(percpu_loom))]
    #[inline(always)]
    fn protocol(&self) -> &Protocol {
        &self.0
    }

    #[cfg(percpu_loom)]
    fn protocol(&self) -> &Protocol {
        self.0.get_or_init(Protocol::lazy)
    }
}

impl Default for RawPerCpuRwLock {
    fn default() -> Self {
        Self::INIT
    }
}

impl fmt::Debug for RawPerCpuRwLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPerCpuRwLock")
            .field("locked", &self.is_locked())
            .field("written", &self.is_locked_exclusive())
            .field("waiting", &self.protocol().waiting())
            .field("fences", &self.protocol().fences())
            .finish()
    }
}

// SAFETY: nobody else is in while a writer is: it has claimed the lock, so nobody
// comes in once the switch is closed, and `drain` returns when the last one has left.
unsafe impl RawRwLock for RawPerCpuRwLock {
    #[cfg(not(percpu_loom))]
    #[allow(clippy::declare_interior_mutable_const, reason = "asked for")]
    const INIT: Self = Self(Protocol::lazy());
    #[cfg(percpu_loom)]
    #[allow(clippy::declare_interior_mutable_const, reason = "asked for")]
    const INIT: Self = Self(Kept::new());

    type GuardMarker = GuardSend;

    #[inline]
    fn lock_shared(&self) {
        self.protocol().read(Until::Forever);
    }

    #[inline]
    fn try_lock_shared(&self) -> bool {
        self.protocol().read(Until::Now)
    }

    #[inline]
    unsafe fn unlock_shared(&self) {
        self.protocol().read_done();
    }

    fn lock_exclusive(&self) {
        self.protocol().write(Until::Forever);
    }

    fn try_lock_exclusive(&self) -> bool {
        self.protocol().try_write()
    }

    unsafe fn unlock_exclusive(&self) {
        self.protocol().write_done();
    }

    fn is_locked(&self) -> bool {
        self.protocol().is_locked()
    }

    fn is_locked_exclusive(&self) -> bool {
        self.protocol().is_written()
    }
}

// SAFETY: each leave is fair already: whose turn it is was let in by it, and nobody
// comes past who waits (R4).
unsafe impl RawRwLockFair for RawPerCpuRwLock {
    #[inline]
    unsafe fn unlock_shared_fair(&self) {
        self.protocol().read_done();
    }

    unsafe fn unlock_exclusive_fair(&self) {
        self.protocol().write_done();
    }
}

// SAFETY: the former writer is counted as a reader before the lock is anybody else's.
unsafe impl RawRwLockDowngrade for RawPerCpuRwLock {
    unsafe fn downgrade(&self) {
        self.protocol().downgrade();
    }
}

// SAFETY: true is returned where the calls without a time return.
unsafe impl RawRwLockTimed for RawPerCpuRwLock {
    type Duration = Duration;
    type Instant = Instant;

    #[inline]
    fn try_lock_shared_for(&self, timeout: Duration) -> bool {
        self.protocol().read(after(timeout))
    }

    #[inline]
    fn try_lock_shared_until(&self, timeout: Instant) -> bool {
        self.protocol().read(Until::Then(timeout))
    }

    fn try_lock_exclusive_for(&self, timeout: Duration) -> bool {
        self.protocol().write(after(timeout))
    }

    fn try_lock_exclusive_until(&self, timeout: Instant) -> bool {
        self.protocol().write(Until::Then(timeout))
    }
}

/// So late that no clock goes that far is for ever.
#[inline]
fn after(timeout: Duration) -> Until {
    Instant::now().checked_add(timeout).map_or(Until::Forever, Until::Then)
}
