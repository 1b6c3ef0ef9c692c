//! [`PerCpuRwLock`]: the lock and what it guards.

use core::fmt;
use core::ops::{Deref, DerefMut};

use lock_api::{RawRwLock, RwLock};

use super::raw::RawPerCpuRwLock;
use crate::error::Error;

/// A read guard of a [`PerCpuRwLock`]: `lock_api`'s, so it can be mapped.
pub type PerCpuRwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawPerCpuRwLock, T>;
/// A write guard of a [`PerCpuRwLock`]: can be mapped, and downgraded.
pub type PerCpuRwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawPerCpuRwLock, T>;
/// A read guard of a part of what is guarded.
pub type MappedPerCpuRwLockReadGuard<'a, T> =
    lock_api::MappedRwLockReadGuard<'a, RawPerCpuRwLock, T>;
/// A write guard of a part of what is guarded.
pub type MappedPerCpuRwLockWriteGuard<'a, T> =
    lock_api::MappedRwLockWriteGuard<'a, RawPerCpuRwLock, T>;

/// A reader-writer lock for what is read all the time and seldom written: a catalog,
/// a routing table, a configuration. The kernel's `percpu_rw_semaphore`.
///
/// A reader writes nothing but its own CPU's word: no locked instruction, no line
/// that travels between CPUs. A writer pays for that, with a fence
/// ([`fence::all`](crate::fence::all)) and a look at every CPU's word; writers that
/// follow each other share one fence.
///
/// It dereferences to [`lock_api::RwLock`], where the calls with a time-out are.
/// Guards are that crate's: they can be mapped, a write guard can be downgraded.
///
/// ```
/// use percpu_core::{PerCpuRwLock, PerCpuRwLockWriteGuard};
/// use std::collections::HashMap;
///
/// static CATALOG: PerCpuRwLock<Vec<&str>> = PerCpuRwLock::const_new(Vec::new());
/// CATALOG.write().push("accounts");
/// assert_eq!(CATALOG.read().first(), Some(&"accounts"));
///
/// let routes = PerCpuRwLock::new(HashMap::from([("a", 1)]))?;
/// let mut writing = routes.write();
/// writing.insert("b", 2);
/// let reading = PerCpuRwLockWriteGuard::downgrade(writing);
/// assert_eq!(reading.len(), routes.read().len());
/// # Ok::<(), percpu_core::Error>(())
/// ```
///
/// # Who waits for whom
/// First come, first served: a writer waits for the readers that are in and for who
/// waits already; a reader waits for a writer that is in or waits. A writer that
/// leaves lets in the readers up to the next writer. Nobody starves. So a thread
/// must not ask for a second read guard while it has one: a writer in between
/// would wait for the first, and the second for the writer.
///
/// # Panics
/// Taking a lock and letting go of it do not panic once there is per-CPU memory. A
/// panic while a guard is held lets go of it, and the lock is not poisoned: what
/// is guarded is as the panic left it.
///
/// # Guards on other threads
/// Only the sum of all CPUs' words counts, and no thread is remembered: a guard
/// may be sent to another thread, if `T` allows, and dropped there. In a forked child
/// what another thread of the parent held stays locked.
///
/// # If the fence is refused
/// A system call filter that comes after start may refuse it (see
/// [`fence::all`](crate::fence::all)). A writer cannot know then that no reader is in:
/// [`write`](Self::write) waits until a fence is granted, if need be for ever, and
/// [`try_write`](Self::try_write) finds the lock taken. Readers go on.
///
/// # Performance
/// `read` and the drop of its guard: two of `Copies::add`. After a writer, up to
/// 64 readers take a mutex and two locked instructions instead.
#[doc(alias = "percpu_rw_semaphore")]
#[doc(alias = "rcu_sync")]
#[doc(alias = "RwLock")]
pub struct PerCpuRwLock<T: ?Sized>(RwLock<RawPerCpuRwLock, T>);

impl<T> PerCpuRwLock<T> {
    /// A lock with its per-CPU words, so that no later use allocates any.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    #[doc(alias = "percpu_init_rwsem")]
    pub fn new(value: T) -> Result<Self, Error> {
        Ok(Self(RwLock::from_raw(RawPerCpuRwLock::new()?, value)))
    }

    /// A lock that allocates its per-CPU words when it is first read: for statics.
    ///
    /// Never fails: without memory it counts all readers in one word, as other locks
    /// do, and asks the system again now and then.
    #[doc(alias = "DEFINE_STATIC_PERCPU_RWSEM")]
    pub const fn const_new(value: T) -> Self {
        Self(RwLock::from_raw(RawPerCpuRwLock::INIT, value))
    }

    /// What was guarded.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> PerCpuRwLock<T> {
    /// Waits until no writer is in or waits, and comes in.
    ///
    /// # Performance
    /// A section: no lock, no locked instruction, no barrier.
    #[doc(alias = "percpu_down_read")]
    #[inline]
    pub fn read(&self) -> PerCpuRwLockReadGuard<'_, T> {
        self.0.read()
    }

    /// Comes in if no writer is in, waits or tries to.
    #[doc(alias = "percpu_down_read_trylock")]
    #[inline]
    pub fn try_read(&self) -> Option<PerCpuRwLockReadGuard<'_, T>> {
        self.0.try_read()
    }

    /// Waits until nobody is in and nobody waits, and comes in alone.
    ///
    /// # Performance
    /// A fence, unless the last writer was here some readers ago: a system call of
    /// 0.5 to 10 us.
    #[doc(alias = "percpu_down_write")]
    #[inline]
    pub fn write(&self) -> PerCpuRwLockWriteGuard<'_, T> {
        self.0.write()
    }

    /// Comes in alone, if nobody is in and nobody waits. Readers may be sent to the
    /// slower way for a while, whether it succeeds or not.
    ///
    /// # Performance
    /// As [`write`](Self::write); without a fence if a reader is seen.
    #[inline]
    pub fn try_write(&self) -> Option<PerCpuRwLockWriteGuard<'_, T>> {
        self.0.try_write()
    }

    /// What is guarded; nobody else has the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Whether anybody is in, or a writer about to be: as of no one moment while
    /// others come and go.
    #[doc(alias = "percpu_is_read_locked")]
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// Whether a writer is in.
    #[doc(alias = "percpu_is_write_locked")]
    pub fn is_locked_exclusive(&self) -> bool {
        self.0.is_locked_exclusive()
    }
}

impl<T: ?Sized> Deref for PerCpuRwLock<T> {
    type Target = RwLock<RawPerCpuRwLock, T>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for PerCpuRwLock<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// By [`const_new`](Self::const_new).
impl<T: Default> Default for PerCpuRwLock<T> {
    fn default() -> Self {
        Self::const_new(T::default())
    }
}

/// By [`const_new`](Self::const_new).
impl<T> From<T> for PerCpuRwLock<T> {
    fn from(value: T) -> Self {
        Self::const_new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for PerCpuRwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PerCpuRwLock");
        match self.try_read() {
            Some(value) => shown.field("value", &&*value),
            None => shown.field("value", &format_args!("<locked>")),
        };
        shown.finish()
    }
}
