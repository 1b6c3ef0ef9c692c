//! Locks and waiting: std and the futex, or loom.
//!
//! # Safety
//!
//! The futex gets the address of a live word; signal masks are locals.

#![allow(unsafe_code)]

use crate::atomic::AtomicU32;
use core::time::Duration;

#[cfg(percpu_loom)]
pub use crate::engine::sync::MutexGuard;
#[cfg(not(percpu_loom))]
pub use std::sync::MutexGuard;

/// A mutex without poisoning: a panic while it is held leaves it usable. The
/// data behind the crate's locks are consistent at every point that can panic.
#[derive(Debug)]
pub struct Mutex<T> {
    #[cfg(percpu_loom)]
    inner: crate::engine::sync::Mutex<T>,
    #[cfg(not(percpu_loom))]
    inner: std::sync::Mutex<T>,
}

impl<T> Mutex<T> {
    /// Unlocked.
    #[cfg(percpu_loom)]
    pub fn new(value: T) -> Self {
        Self { inner: crate::engine::sync::Mutex::new(value) }
    }

    /// Unlocked.
    #[cfg(not(percpu_loom))]
    pub const fn new(value: T) -> Self {
        Self { inner: std::sync::Mutex::new(value) }
    }

    /// Waits for whoever has it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        match self.inner.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// The guard, unless somebody has it.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.inner.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }
}

/// Sleeps while `word` holds `expected`, until woken, or until `limit`.
/// May return early; callers re-check.
pub(crate) fn wait(word: &AtomicU32, expected: u32, limit: Option<Duration>) {
    #[cfg(percpu_loom)]
    {
        match limit {
            None => crate::model::state::current().sleep(word, expected),
            // loom has no clock: any time may have passed.
            Some(_) => crate::engine::thread::yield_now(),
        }
    }
    #[cfg(percpu_linux)]
    {
        let timeout = limit.map(|limit| libc::timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        let _kept = super::errno::keep();
        // SAFETY: FUTEX_WAIT reads the aligned word, which the reference keeps
        // alive, and the time-out, a local or null.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                expected,
                timeout,
            )
        };
    }
    #[cfg(not(any(percpu_linux, percpu_loom)))]
    {
        // No futex: sleep a little while the word has not moved.
        if word.load(core::sync::atomic::Ordering::Relaxed) == expected {
            let nap = Duration::from_micros(50);
            std::thread::sleep(limit.map_or(nap, |limit| limit.min(nap)));
        }
    }
}

/// Sleeps a little: for who waits for a few instructions of a thread that may have been
/// preempted.
pub(crate) fn nap() {
    #[cfg(percpu_loom)]
    crate::engine::thread::yield_now();
    #[cfg(not(percpu_loom))]
    std::thread::sleep(Duration::from_micros(50));
}

/// Wakes every thread that waits on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    #[cfg(percpu_linux)]
    let _kept = super::errno::keep();
    #[cfg(percpu_linux)]
    // SAFETY: FUTEX_WAKE uses the address as a key only.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            i32::MAX,
        )
    };
    #[cfg(percpu_loom)]
    crate::model::state::current().wake_all();
    #[cfg(not(percpu_linux))]
    let _ = word;
}

/// Runs `f` with all signals of this thread blocked.
///
/// The cold path of an operation takes locks; a handler that ran an operation
/// on top of it would wait for its own thread.
pub(crate) fn without_signals<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(percpu_linux)]
    let _blocked = block_signals();
    f()
}

/// Signals blocked in this thread; dropped, those of before may come again, and `errno`
/// is what it was.
#[cfg(percpu_linux)]
pub(crate) struct Blocked {
    before: libc::sigset_t,
    _kept: super::errno::Kept,
}

/// Blocks all signals of this thread.
#[cfg(percpu_linux)]
pub(crate) fn block_signals() -> Blocked {
    let mut all = core::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: fills the set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    let mut old = core::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: reads one set and writes the other; both are locals.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr()) };
    // SAFETY: zeroed is a valid set, and the call above overwrote it.
    Blocked { before: unsafe { old.assume_init() }, _kept: super::errno::keep() }
}

#[cfg(percpu_linux)]
impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set was written by the kernel in `block_signals`.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, core::ptr::null_mut()) };
    }
}
