//! Locks held over a fork, so that the child finds them free.
//!
//! A forked child has one thread, the one that forked. A lock that another
//! thread held at that moment would stay locked in the child for ever, over data
//! that are half changed. So the forking thread takes the locks first, and both
//! processes let go of them:
//!
//! ```text
//!   prepare: block signals, take the locks
//!       the process is copied
//!   parent and child: let go of the locks, restore signals
//! ```
//! Signals are blocked meanwhile because a handler's operation may want one of
//! the locks, on top of the thread that holds them all.
//!
//! Which locks, and in which order, is for [`Locks`] to say. Source:
//! pthread_atfork(3).
//!
//! # Safety
//!
//! Keeps what is held in a static that only the holder of all the locks touches.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;

use super::sync::{Blocked, block_signals};

/// The locks that a fork has to hold.
pub trait Locks {
    /// What holds them all; dropped, it lets go of them.
    type Held: 'static;

    /// Takes the locks, waiting for their holders, in the order in which they nest.
    ///
    /// It must take one that no two threads can hold at once, and neither
    /// allocate nor panic.
    fn hold() -> Self::Held;

    /// Where it is kept meanwhile; one for each set of locks.
    fn kept() -> &'static Kept<Self::Held>;
}

/// What the thread that forks holds, from `prepare` to `after`.
#[allow(missing_debug_implementations, reason = "never to be looked at")]
pub struct Kept<H>(UnsafeCell<Option<(H, Blocked)>>);

// SAFETY: touched by `prepare` and `after` only, between the taking of the locks
// and their release: by one thread at a time, which is also the one that drops
// what it put there (in the child, that thread's copy).
unsafe impl<H> Sync for Kept<H> {}

impl<H> Kept<H> {
    /// Nothing is held.
    #[allow(clippy::new_without_default, reason = "it is made in statics")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(None))
    }
}

/// From now on, holds the locks over every fork. Once for each set of locks.
///
/// # Errors
/// The system's error number, if it has no memory for that.
pub fn hold_over<L: Locks>() -> Result<(), i32> {
    // SAFETY: functions of the signature asked for, which stay mapped as long as
    // they are registered: libc lets go of an object's when it is closed.
    let errno =
        unsafe { libc::pthread_atfork(Some(prepare::<L>), Some(after::<L>), Some(after::<L>)) };
    if errno == 0 { Ok(()) } else { Err(errno) }
}

extern "C" fn prepare<L: Locks>() {
    let blocked = block_signals();
    let held = L::hold();
    // SAFETY: this thread holds the locks, so nobody else is here.
    unsafe { *L::kept().0.get() = Some((held, blocked)) };
}

extern "C" fn after<L: Locks>() {
    // SAFETY: this thread took the locks in `prepare` and still holds them.
    let kept = unsafe { (*L::kept().0.get()).take() };
    // The locks first: a handler may run as soon as signals may.
    if let Some((held, blocked)) = kept {
        drop(held);
        drop(blocked);
    }
}
