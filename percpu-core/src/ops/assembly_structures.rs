//! The sections on several words as the target's assembly: which address.
//!
//! # Safety
//!
//! The bodies require a pointer that is valid in every active unit, which is
//! [`Place`]'s invariant, and what they say of the copy, which is the caller's
//! word where a function here is unsafe.

#![allow(unsafe_code)]

use super::pair::{DoubleWord, Two};
use super::sections::body;
use super::shape::Shape;
use crate::place::Place;

#[inline(always)]
pub(crate) fn pair_swap(at: Place<'_, DoubleWord>, new: Two) -> Option<Two> {
    // SAFETY: `Place`'s invariant is the body's requirement.
    unsafe { body::pair::swap(at.pointer(), new) }
}

/// The words found; they were replaced if they are `current`.
#[inline(always)]
pub(crate) fn pair_compare_exchange(
    at: Place<'_, DoubleWord>,
    current: Two,
    new: Two,
) -> Option<Two> {
    // SAFETY: `Place`'s invariant is the body's requirement.
    unsafe { body::pair::compare_exchange(at.pointer(), current, new) }
}

/// Whether the node went in.
///
/// # Safety
/// `T` begins with a `Gate`, whose word is 0 or the address of a node; `node` is
/// one, the caller's own. A node begins with the address of the next one or 0,
/// and is alive until it was popped or drained.
#[inline(always)]
pub(crate) unsafe fn list_push<T>(at: Place<'_, T>, node: usize) -> Option<bool> {
    // SAFETY: `Place`'s invariant, and the caller's word.
    unsafe { body::list::push(at.pointer(), node) }
}

/// The address of the node that came out, or 0.
///
/// # Safety
/// As for `list_push`.
#[inline(always)]
pub(crate) unsafe fn list_pop<T>(at: Place<'_, T>) -> Option<usize> {
    // SAFETY: `Place`'s invariant, and the caller's word.
    unsafe { body::list::pop(at.pointer()) }
}

/// Whether the record went in.
///
/// # Safety
/// `T` begins with a `Gate`, whose word is at most the capacity, and has the
/// slots that `shape` says, which only sections and drains touch. `record` may
/// be read for one slot's bytes.
#[inline(always)]
pub(crate) unsafe fn buffer_push<T>(
    at: Place<'_, T>,
    record: *const u64,
    shape: Shape,
) -> Option<bool> {
    // SAFETY: `Place`'s invariant, and the caller's word.
    unsafe { body::buffer::push(at.pointer(), record.expose_provenance(), shape) }
}

/// Whether a record came out.
///
/// # Safety
/// As for `buffer_push`; `record` may be written for one slot's bytes.
#[inline(always)]
pub(crate) unsafe fn buffer_pop<T>(
    at: Place<'_, T>,
    record: *mut u64,
    shape: Shape,
) -> Option<bool> {
    // SAFETY: `Place`'s invariant, and the caller's word.
    unsafe { body::buffer::pop(at.pointer(), record.expose_provenance(), shape) }
}
