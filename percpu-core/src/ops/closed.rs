//! No sections: the fast path is closed to every thread.
//!
//! # Safety
//!
//! Only declares `acquire`, which is unsafe where there are sections.

#![allow(unsafe_code)]

#[path = "closed_stack.rs"]
pub(crate) mod stack;
#[path = "closed_structures.rs"]
pub(crate) mod structures;
#[path = "closed_switch.rs"]
pub(crate) mod switch;

use super::attempt::Attempt;
use super::portable::{BitWord, IntWord, Word};
use crate::index::Index;
use crate::place::Place;

macro_rules! update {
    ($($name:ident: $bound:ident),*) => {$(
        #[inline(always)]
        pub(crate) fn $name<W: $bound>(_: Place<'_, W>, _: W::Value, _: Index) -> bool {
            false
        }
    )*};
}

macro_rules! fetch {
    ($($name:ident: $bound:ident),*) => {$(
        #[inline(always)]
        pub(crate) fn $name<W: $bound>(_: Place<'_, W>, _: W::Value, _: Index) -> Option<W::Value> {
            None
        }
    )*};
}

update!(store: Word, add: IntWord, and: BitWord, or: BitWord, xor: BitWord);
fetch!(swap: Word, fetch_add: IntWord, fetch_and: BitWord, fetch_or: BitWord, fetch_xor: BitWord);

#[inline(always)]
pub(crate) fn inc<W: IntWord>(_: Place<'_, W>, _: Index) -> bool {
    false
}

#[inline(always)]
pub(crate) fn dec<W: IntWord>(_: Place<'_, W>, _: Index) -> bool {
    false
}

#[inline(always)]
pub(crate) fn compare_exchange<W: Word>(
    _: Place<'_, W>,
    _: W::Value,
    _: W::Value,
    _: Index,
) -> Option<Result<W::Value, W::Value>> {
    None
}

/// # Safety
/// None is needed; the other bodies have requirements.
#[inline(always)]
pub(crate) unsafe fn acquire<'a, T>(_: Place<'a, T>, _: Index) -> Option<Attempt<'a, T>> {
    None
}

#[inline(always)]
pub(crate) fn here<'a, T>(_: Place<'a, T>, _: Index) -> Option<&'a T> {
    None
}
