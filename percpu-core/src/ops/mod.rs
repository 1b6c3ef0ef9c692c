//! This-CPU operations: one face, one body per target.
//!
//! ```text
//!   word.rs, local_lock.rs    loops, choices, cold paths (shared Rust)
//!        |
//!      this face              one function an operation, generic over the word
//!        |
//!   x86_64 | aarch64 | model  sections only: contract.rs says what they do
//!   portable                  the atomics that serve where no section may run
//! ```
//!
//! Each function answers `None` (or `false`) when the fast path is closed to
//! this thread; the caller's cold path then opens it or uses `portable`.
//!
//! # Safety
//!
//! The bodies require a pointer that is valid in every active unit; that is
//! [`Place`]'s invariant.

#![allow(unsafe_code)]

#[cfg(all(percpu_rseq, target_arch = "aarch64"))]
#[path = "aarch64.rs"]
mod body;
#[cfg(all(percpu_rseq, target_arch = "x86_64"))]
#[path = "x86_64.rs"]
mod body;
mod contract;
mod portable;

pub use portable::{BitWord, IntWord, Word};

use crate::place::Place;

/// What an attempt to take a local lock found.
#[derive(Debug)]
#[cfg_attr(not(percpu_rseq), allow(dead_code, reason = "no sections in this build"))]
pub(crate) enum Attempt<'a, T> {
    /// This thread holds the lock of this copy.
    Acquired(&'a T),
    /// Somebody holds the lock of this copy, or a remote locker stops it.
    Busy(&'a T),
}

/// The body's function for the word's size; without a body, the closed path.
macro_rules! body {
    ($W:ident, $closed:expr, $name:ident($at:ident $(, $arg:expr)*)) => {{
        #[cfg(percpu_rseq)]
        {
            let p = $at.pointer();
            // SAFETY: `Place`'s invariant is the bodies' requirement, for a
            // word of this size.
            unsafe {
                match size_of::<$W>() {
                    1 => body::byte::$name(p $(, $arg)*),
                    2 => body::word::$name(p $(, $arg)*),
                    4 => body::double::$name(p $(, $arg)*),
                    _ => body::quad::$name(p $(, $arg)*),
                }
            }
        }
        #[cfg(not(percpu_rseq))]
        {
            let _ = ($at, $($arg,)*);
            $closed
        }
    }};
}

macro_rules! update {
    ($($name:ident: $bound:ident),*) => {$(
        #[inline(always)]
        pub(crate) fn $name<W: $bound>(at: Place<'_, W>, value: W::Value) -> bool {
            body!(W, false, $name(at, W::to_bits(value)))
        }
    )*};
}

macro_rules! fetch {
    ($($name:ident: $bound:ident),*) => {$(
        #[inline(always)]
        pub(crate) fn $name<W: $bound>(at: Place<'_, W>, value: W::Value) -> Option<W::Value> {
            body!(W, None::<u64>, $name(at, W::to_bits(value))).map(W::from_bits)
        }
    )*};
}

update!(store: Word, add: IntWord, and: BitWord, or: BitWord, xor: BitWord);
fetch!(swap: Word, fetch_add: IntWord, fetch_and: BitWord, fetch_or: BitWord, fetch_xor: BitWord);

#[inline(always)]
pub(crate) fn inc<W: IntWord>(at: Place<'_, W>) -> bool {
    body!(W, false, inc(at))
}

#[inline(always)]
pub(crate) fn dec<W: IntWord>(at: Place<'_, W>) -> bool {
    body!(W, false, dec(at))
}

#[inline(always)]
pub(crate) fn compare_exchange<W: Word>(
    at: Place<'_, W>,
    current: W::Value,
    new: W::Value,
) -> Option<Result<W::Value, W::Value>> {
    let was = body!(W, None::<u64>, compare_exchange(at, W::to_bits(current), W::to_bits(new)));
    was.map(W::from_bits).map(|was| if was == current { Ok(was) } else { Err(was) })
}

/// Takes the lock that begins each copy: `held`, then `stop`, 32 bits each.
///
/// # Safety
/// `T` begins with those two words, as `AtomicU32`.
#[inline(always)]
pub(crate) unsafe fn acquire<'a, T>(at: Place<'a, T>) -> Option<Attempt<'a, T>> {
    #[cfg(percpu_rseq)]
    {
        // SAFETY: `Place`'s invariant, and the caller's word on the two words.
        let (copy, found) = unsafe { body::acquire(at.pointer()) }?;
        // SAFETY: the section found the copy in an active unit: the invariant.
        let copy = unsafe { &*core::ptr::with_exposed_provenance::<T>(copy) };
        Some(match found {
            body::Found::Acquired => Attempt::Acquired(copy),
            body::Found::Busy => Attempt::Busy(copy),
        })
    }
    #[cfg(not(percpu_rseq))]
    {
        let _ = at;
        None
    }
}

/// The copy this thread's CPU had a moment ago.
#[inline(always)]
pub(crate) fn here<'a, T>(at: Place<'a, T>) -> Option<&'a T> {
    #[cfg(percpu_rseq)]
    {
        let copy = body::here(at.pointer())?;
        // SAFETY: the address lies in an active unit: `Place`'s invariant.
        Some(unsafe { &*core::ptr::with_exposed_provenance::<T>(copy) })
    }
    #[cfg(not(percpu_rseq))]
    {
        let _ = at;
        None
    }
}
