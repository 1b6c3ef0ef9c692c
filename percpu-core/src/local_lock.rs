//! [`LocalLock`]: mutual exclusion on one unit's copy.
//!
//! # Why
//! User space cannot disable preemption, so `get_cpu_var` becomes a lock per
//! copy: taking it pins the *copy*, not the thread. Taken by this CPU's
//! sections it costs no locked instruction.
//!
//! `lock_words.rs` says how.
//!
//! # Safety
//! Hands out `&mut T` while `held` (or `stop` and not `held`) says so.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use crate::copies::Copies;
use crate::error::Error;
use crate::index::Index;
use crate::inject::{self, Point};
use crate::lock_words::LockWords;
use crate::ops::{self, Attempt};
use crate::process::{self, Admission};
use crate::sys::nesting;
use crate::sys::sync::MutexGuard;
use crate::unit::Unit;

/// A value per unit, with a lock on each copy: the kernel's `local_lock`, and
/// `get_cpu_var` for data larger than a word.
///
/// Put it into [`percpu!`](crate::percpu) or [`PerCpu`](crate::PerCpu); the
/// methods are on the handle. A guard pins the *copy* it was taken on, not the
/// thread: the thread may move, and then goes on with that copy. Holders on
/// different copies do not exclude each other.
///
/// A panic while holding unlocks; there is no poisoning. In a forked child a copy
/// that another thread of the parent held stays locked.
///
/// ```
/// use percpu_core::{LocalLock, percpu};
///
/// percpu! { static SCRATCH: LocalLock<[u8; 512]> = LocalLock::new([0; 512]); }
///
/// SCRATCH.with(|s| s[0] = 1);
/// let mut s = SCRATCH.lock();
/// s[1] = 2;
/// ```
#[doc(alias = "local_lock")]
#[doc(alias = "local_lock_t")]
#[doc(alias = "get_cpu_var")]
#[doc(alias = "put_cpu_var")]
#[repr(C)]
pub struct LocalLock<T> {
    /// First: the section of `ops::acquire` finds them there.
    words: LockWords,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one holder at a time, from any thread.
unsafe impl<T: Send> Sync for LocalLock<T> {}

impl<T> LocalLock<T> {
    /// An unlocked copy.
    #[cfg(not(percpu_loom))]
    pub const fn new(value: T) -> Self {
        Self { words: LockWords::new(), value: UnsafeCell::new(value) }
    }

    /// An unlocked copy.
    #[cfg(percpu_loom)]
    pub fn new(value: T) -> Self {
        Self { words: LockWords::new(), value: UnsafeCell::new(value) }
    }
}

impl<T> fmt::Debug for LocalLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value is not looked at: it may be in use.
        f.debug_struct("LocalLock").field("locked", &self.words.is_locked()).finish_non_exhaustive()
    }
}

/// How a copy was locked, and so how it is unlocked.
enum Way<'a> {
    /// By a section: `held` is 1.
    Section,
    /// By compare-exchange, on a unit without sections.
    Atomic,
    /// By stopping the unit.
    Remote(#[allow(dead_code, reason = "held, not read")] MutexGuard<'a, ()>),
}

/// A locked copy; unlocks on drop, on whichever CPU that is.
///
/// Not `Send`: a guard is dropped by the thread that took it. Do not hold one
/// across an `.await`; [`Copies::with`] makes that impossible.
///
/// ```compile_fail,E0277
/// use percpu_core::{LocalLock, percpu};
/// percpu! { static S: LocalLock<u64> = LocalLock::new(0); }
/// let guard = S.lock();
/// std::thread::scope(|s| { s.spawn(move || drop(guard)); });
/// ```
/// while this, which locks in that thread, compiles:
/// ```
/// use percpu_core::{LocalLock, percpu};
/// percpu! { static S: LocalLock<u64> = LocalLock::new(0); }
/// std::thread::scope(|s| { s.spawn(move || drop(S.lock())); });
/// ```
/// So a future that holds one across an `.await` cannot move between threads:
/// ```compile_fail,E0277
/// use percpu_core::{LocalLock, percpu};
/// percpu! { static S: LocalLock<u64> = LocalLock::new(0); }
/// fn spawn(future: impl Future + Send) {}
/// spawn(async {
///     let mut guard = S.lock();
///     std::future::ready(()).await;
///     *guard += 1;
/// });
/// ```
/// and one that lets go of it before can:
/// ```
/// use percpu_core::{LocalLock, percpu};
/// percpu! { static S: LocalLock<u64> = LocalLock::new(0); }
/// fn spawn(future: impl Future + Send) {}
/// spawn(async {
///     S.with(|n| *n += 1);
///     std::future::ready(()).await;
/// });
/// ```
#[must_use = "dropped at once, the guard unlocks at once"]
pub struct LocalLockGuard<'a, T> {
    /// INVARIANT: one of `copies`.
    lock: &'a LocalLock<T>,
    copies: &'a Copies<LocalLock<T>>,
    way: Way<'a>,
    _nested: nesting::Entry,
    not_send: PhantomData<*mut T>,
}

// SAFETY: a shared guard gives `&T` only.
unsafe impl<T: Sync> Sync for LocalLockGuard<'_, T> {}

impl<T: Send> Copies<LocalLock<T>> {
    /// Locks this CPU's copy, waiting for its holder if there is one.
    ///
    /// # Panics
    /// In debug builds, if this thread already holds a copy of this lock (it
    /// might be the same copy, and would wait for itself). On first use, if
    /// the system refuses memory.
    ///
    /// # Performance
    /// Lock and unlock: a section and a store, 2.5 to 5 ns; no locked instruction.
    #[doc(alias = "local_lock")]
    #[doc(alias = "get_cpu_ptr")]
    #[inline]
    pub fn lock(&self) -> LocalLockGuard<'_, T> {
        let nested = nesting::enter(self);
        loop {
            match self.attempt() {
                Found::Locked(lock, way) => return LocalLockGuard::new(self, lock, way, nested),
                Found::Busy(lock, Way::Atomic) => {
                    lock.words.wait_atomic();
                    return LocalLockGuard::new(self, lock, Way::Atomic, nested);
                }
                Found::Busy(lock, _) => lock.words.wait(),
            }
        }
    }

    /// Locks this CPU's copy if that needs no waiting. Never blocks, also not
    /// in a signal handler that interrupted the holder.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    #[doc(alias = "local_trylock")]
    #[inline]
    pub fn try_lock(&self) -> Option<LocalLockGuard<'_, T>> {
        match self.attempt() {
            Found::Locked(lock, way) => {
                Some(LocalLockGuard::new(self, lock, way, nesting::enter_try(self)))
            }
            Found::Busy(..) => None,
        }
    }

    /// Runs `f` on this CPU's copy, locked. The guard cannot leak or cross an
    /// `.await` this way.
    ///
    /// # Panics
    /// As [`lock`](Self::lock), and if `f` does; the copy is unlocked then.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.lock())
    }

    /// Locks the copy of `unit` from any CPU: to drain or inspect it. Stops the
    /// unit's own lockers, restarts those under way, waits for the holder.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; the copy is as before.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    ///
    /// # Performance
    /// A fence, see [`fence::unit`](crate::fence::unit).
    pub fn lock_on(&self, unit: Unit) -> Result<LocalLockGuard<'_, T>, Error> {
        let nested = nesting::enter(self);
        let lock = self.on(unit).get();
        let way = if process::has_sections(unit.index()) {
            Way::Remote(lock.words.lock_remote(unit)?)
        } else {
            lock.words.wait_atomic();
            Way::Atomic
        };
        Ok(LocalLockGuard::new(self, lock, way, nested))
    }

    #[inline(always)]
    fn attempt(&self) -> Found<'_, T> {
        if let Some(place) = self.home.place() {
            // SAFETY: `LocalLock` and its words are `repr(C)`, and begin with `held`, `stop`.
            if let Some(attempt) = inject::around(|| unsafe { ops::acquire(place, Index::Cpu) }) {
                return attempt.into();
            }
        }
        self.attempt_cold()
    }

    #[cold]
    #[inline(never)]
    fn attempt_cold(&self) -> Found<'_, T> {
        let place = self.home.resolved();
        loop {
            inject::at(Point::Cold);
            // As the cold path of `word.rs`.
            // SAFETY: as in `attempt`.
            if let Some(attempt) = inject::around(|| unsafe { ops::acquire(place, Index::Cid) }) {
                return attempt.into();
            }
            match process::admit(place) {
                Admission::Atomic(lock) if lock.words.try_atomic() => {
                    return Found::Locked(lock, Way::Atomic);
                }
                Admission::Atomic(lock) => return Found::Busy(lock, Way::Atomic),
                Admission::Retry => {
                    // SAFETY: as in `attempt`.
                    let attempt = inject::around(|| unsafe { ops::acquire(place, Index::Cpu) });
                    if let Some(attempt) = attempt {
                        return attempt.into();
                    }
                }
            }
        }
    }
}

/// What one attempt found, and by which way.
enum Found<'a, T> {
    Locked(&'a LocalLock<T>, Way<'a>),
    Busy(&'a LocalLock<T>, Way<'a>),
}

impl<'a, T> From<Attempt<'a, LocalLock<T>>> for Found<'a, T> {
    #[inline(always)]
    fn from(attempt: Attempt<'a, LocalLock<T>>) -> Self {
        match attempt {
            Attempt::Acquired(lock) => Self::Locked(lock, Way::Section),
            Attempt::Busy(lock) => Self::Busy(lock, Way::Section),
        }
    }
}

impl<'a, T> LocalLockGuard<'a, T> {
    #[inline(always)]
    fn new(
        copies: &'a Copies<LocalLock<T>>,
        lock: &'a LocalLock<T>,
        way: Way<'a>,
        nested: nesting::Entry,
    ) -> Self {
        if nesting::KEPT {
            nested.locked(copies.home.resolved().base_of(lock));
        }
        Self { copies, lock, way, _nested: nested, not_send: PhantomData }
    }

    /// The unit whose copy is held. It stays the same wherever the thread goes.
    /// Called as `LocalLockGuard::unit(&guard)`, as guards lead to what they guard.
    ///
    /// # Panics
    /// Never: a guard's copy is some unit's.
    ///
    /// # Performance
    /// A few loads, unless the thread was migrated since; then one a unit.
    #[doc(alias = "get_cpu")]
    #[doc(alias = "smp_processor_id")]
    pub fn unit(guard: &Self) -> Unit {
        guard.copies.unit_of(guard.lock).expect("a copy is some unit's")
    }
}

impl<T> Drop for LocalLockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        match self.way {
            Way::Section => self.lock.words.unlock_section(),
            Way::Atomic => self.lock.words.unlock_atomic(),
            // The mutex among remote lockers opens after this, with `way`.
            Way::Remote(_) => self.lock.words.let_go(),
        }
    }
}

impl<T> Deref for LocalLockGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the copy's only holder.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for LocalLockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the copy's only holder, and borrowed uniquely.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: fmt::Debug> fmt::Debug for LocalLockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
