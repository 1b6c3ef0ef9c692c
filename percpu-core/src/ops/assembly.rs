//! The sections as the target's assembly: which width, which address.
//!
//! # Safety
//!
//! The bodies require a pointer that is valid in every active unit; that is
//! [`Place`]'s invariant.

#![allow(unsafe_code)]

/// The functions of one width. Each body is assembly text for `section!` or
/// `section_with_result!` of the target's file; `p` is the per-CPU pointer, the
/// operands named in brackets are the registers that the text speaks of.
macro_rules! functions {
    (
        section { $($name:ident($($arg:ident),*) = $body:expr;)* }
        section_with_result { $($fetch:ident($($operand:ident),*) = $fetch_body:expr;)* }
    ) => {
        $(
            /// # Safety
            /// The module's requirement on `p`.
            #[inline(always)]
            pub(in crate::ops) unsafe fn $name(p: usize $(, $arg: u64)*, by: Index) -> bool {
                by_index!(by, section, stringify!($name), $body, p = p $(, $arg = $arg)*)
            }
        )*
        $(
            /// # Safety
            /// The module's requirement on `p`.
            #[inline(always)]
            pub(in crate::ops) unsafe fn $fetch(p: usize $(, $operand: u64)*, by: Index) -> Option<u64> {
                let (a, r): (usize, u64) = by_index!(
                    by,
                    section_with_result,
                    stringify!($fetch),
                    $fetch_body,
                    p = p
                    $(, $operand = $operand)*
                );
                if a == 0 { None } else { Some(r) }
            }
        )*
    };
}

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod body;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod body;

pub(crate) use body::{stack, switch};
/// The sections on several words.
pub(crate) mod structures {
    pub(crate) use super::body::buffer::{buffer_pop, buffer_push};
    pub(crate) use super::body::list::{list_pop, list_push};
    pub(crate) use super::body::pair::{pair_compare_exchange, pair_swap};
}

use super::attempt::Attempt;
use super::portable::{BitWord, IntWord, Word};
use crate::index::Index;
use crate::place::Place;

/// The body's function for the word's size.
macro_rules! body {
    ($W:ident, $by:ident, $name:ident($at:ident $(, $arg:expr)*)) => {{
        let p = $at.pointer();
        // SAFETY: `Place`'s invariant is the bodies' requirement, for a word of
        // this size.
        unsafe {
            match size_of::<$W>() {
                1 => body::byte::$name(p $(, $arg)*, $by),
                2 => body::word::$name(p $(, $arg)*, $by),
                4 => body::double::$name(p $(, $arg)*, $by),
                _ => body::quad::$name(p $(, $arg)*, $by),
            }
        }
    }};
}

macro_rules! update {
    ($($name:ident: $bound:ident),*) => {$(
        #[inline(always)]
        pub(crate) fn $name<W: $bound>(at: Place<'_, W>, value: W::Value, by: Index) -> bool {
            body!(W, by, $name(at, W::to_bits(value)))
        }
    )*};
}

macro_rules! fetch {
    ($($name:ident: $bound:ident),*) => {$(
        #[inline(always)]
        pub(crate) fn $name<W: $bound>(at: Place<'_, W>, value: W::Value, by: Index) -> Option<W::Value> {
            body!(W, by, $name(at, W::to_bits(value))).map(W::from_bits)
        }
    )*};
}

update!(store: Word, add: IntWord, and: BitWord, or: BitWord, xor: BitWord);
fetch!(swap: Word, fetch_add: IntWord, fetch_and: BitWord, fetch_or: BitWord, fetch_xor: BitWord);

#[inline(always)]
pub(crate) fn inc<W: IntWord>(at: Place<'_, W>, by: Index) -> bool {
    body!(W, by, inc(at))
}

#[inline(always)]
pub(crate) fn dec<W: IntWord>(at: Place<'_, W>, by: Index) -> bool {
    body!(W, by, dec(at))
}

#[inline(always)]
pub(crate) fn compare_exchange<W: Word>(
    at: Place<'_, W>,
    current: W::Value,
    new: W::Value,
    by: Index,
) -> Option<Result<W::Value, W::Value>> {
    let was = body!(W, by, compare_exchange(at, W::to_bits(current), W::to_bits(new)));
    was.map(W::from_bits).map(|was| if was == current { Ok(was) } else { Err(was) })
}

/// Takes the lock that begins each copy: `held`, then `stop`, 32 bits each.
///
/// # Safety
/// `T` begins with those two words, as `AtomicU32`.
#[inline(always)]
pub(crate) unsafe fn acquire<'a, T>(at: Place<'a, T>, by: Index) -> Option<Attempt<'a, T>> {
    // SAFETY: `Place`'s invariant, and the caller's word on the two words.
    let (copy, found) = unsafe { body::acquire(at.pointer(), by) }?;
    // SAFETY: the section found the copy in an active unit: the invariant.
    let copy = unsafe { &*core::ptr::with_exposed_provenance::<T>(copy) };
    Some(match found {
        body::Found::Acquired => Attempt::Acquired(copy),
        body::Found::Busy => Attempt::Busy(copy),
    })
}

/// The copy this thread had a moment ago.
#[inline(always)]
pub(crate) fn here<'a, T>(at: Place<'a, T>, by: Index) -> Option<&'a T> {
    let copy = body::here(at.pointer(), by)?;
    // SAFETY: the address lies in an active unit: `Place`'s invariant.
    Some(unsafe { &*core::ptr::with_exposed_provenance::<T>(copy) })
}
