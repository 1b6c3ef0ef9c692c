//! [`LocalLock`]: mutual exclusion on one unit's copy.
//!
//! # Why
//! User space cannot disable preemption, so `get_cpu_var` becomes a lock per
//! copy: taking it pins the *copy*, not the thread. Taken by this CPU's
//! sections it costs no locked instruction.
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
//!
//! # Safety
//! Hands out `&mut T` while `held` (or `stop` and not `held`) says so.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use crate::atomic::{AtomicU32, Ordering};
use crate::copies::Copies;
use crate::error::Error;
use crate::fence;
use crate::index::Index;
use crate::inject::{self, Point};
use crate::mutate::{mutated, order};
use crate::ops::{self, Attempt};
use crate::process::{self, Admission};
use crate::sys::nesting;
use crate::sys::sync::{self, Mutex, MutexGuard};
use crate::unit::Unit;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody sleeps; on units without sections only.
const CONTENDED: u32 = 2;

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
    // These two first: the section of `ops::acquire` finds them there.
    held: AtomicU32,
    stop: AtomicU32,
    waiters: AtomicU32,
    remote: Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one holder at a time, from any thread.
unsafe impl<T: Send> Sync for LocalLock<T> {}

impl<T> LocalLock<T> {
    /// An unlocked copy.
    #[cfg(not(percpu_loom))]
    pub const fn new(value: T) -> Self {
        Self {
            held: AtomicU32::new(FREE),
            stop: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            remote: Mutex::new(()),
            value: UnsafeCell::new(value),
        }
    }

    /// An unlocked copy.
    #[cfg(percpu_loom)]
    pub fn new(value: T) -> Self {
        Self {
            held: AtomicU32::new(FREE),
            stop: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            remote: Mutex::new(()),
            value: UnsafeCell::new(value),
        }
    }
}

impl<T> fmt::Debug for LocalLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value is not looked at: it may be in use.
        let locked =
            self.held.load(Ordering::Relaxed) != FREE || self.stop.load(Ordering::Relaxed) != 0;
        f.debug_struct("LocalLock").field("locked", &locked).finish_non_exhaustive()
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
                    lock.wait_atomic();
                    return LocalLockGuard::new(self, lock, Way::Atomic, nested);
                }
                Found::Busy(lock, _) => lock.wait(),
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
    /// A fence, see [`fence::unit`].
    pub fn lock_on(&self, unit: Unit) -> Result<LocalLockGuard<'_, T>, Error> {
        let nested = nesting::enter(self);
        let lock = self.on(unit).get();
        let way = if process::has_sections(unit.index()) {
            lock.lock_remote(unit)?
        } else {
            lock.wait_atomic();
            Way::Atomic
        };
        Ok(LocalLockGuard::new(self, lock, way, nested))
    }

    #[inline(always)]
    fn attempt(&self) -> Found<'_, T> {
        if let Some(place) = self.home.place() {
            // SAFETY: `LocalLock` is `repr(C)` and begins with `held`, `stop`.
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
                Admission::Atomic(lock) if lock.try_atomic() => {
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

impl<T> LocalLock<T> {
    /// Sleeps until the copy may be free: neither held nor stopped, or woken.
    #[cold]
    fn wait(&self) {
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

    fn unlock_section(&self) {
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

    #[cold]
    fn lock_remote(&self, unit: Unit) -> Result<Way<'_>, Error> {
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
        Ok(Way::Remote(remote))
    }

    /// Ends a stop.
    fn let_go(&self) {
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

    fn try_atomic(&self) -> bool {
        // Acquire: pairs with the release in `unlock_atomic`.
        let taken = order(Ordering::Acquire, "atomic_lock_relaxed");
        self.held.compare_exchange(FREE, HELD, taken, Ordering::Relaxed).is_ok()
    }

    /// Locks a copy without sections.
    fn wait_atomic(&self) {
        if self.try_atomic() {
            return;
        }
        // Acquire: as above. Whoever waited cannot know whether others do.
        while self.held.swap(CONTENDED, order(Ordering::Acquire, "atomic_wait_relaxed")) != FREE {
            sync::wait(&self.held, CONTENDED, None);
        }
    }

    fn unlock_atomic(&self) {
        // Release: pairs with the acquires above.
        let was = self.held.swap(FREE, order(Ordering::Release, "atomic_unlock_relaxed"));
        if was == CONTENDED && !mutated("atomic_no_wake") {
            sync::wake_all(&self.held);
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
            Way::Section => self.lock.unlock_section(),
            Way::Atomic => self.lock.unlock_atomic(),
            // The mutex among remote lockers opens after this, with `way`.
            Way::Remote(_) => self.lock.let_go(),
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
