//! No sections on several words: the fast path is closed to every thread.
//!
//! # Safety
//!
//! Only declares what is unsafe where there are sections.

#![allow(unsafe_code)]

use crate::index::Index;
use crate::ops::pair::{DoubleWord, Two};
use crate::ops::shape::Shape;
use crate::place::Place;

#[inline(always)]
pub(crate) fn pair_swap(_: Place<'_, DoubleWord>, _: Two, _: Index) -> Option<Two> {
    None
}

#[inline(always)]
pub(crate) fn pair_compare_exchange(
    _: Place<'_, DoubleWord>,
    _: Two,
    _: Two,
    _: Index,
) -> Option<Two> {
    None
}

/// # Safety
/// None is needed; the other bodies have requirements.
#[inline(always)]
pub(crate) unsafe fn list_push<T>(_: Place<'_, T>, _: usize, _: Index) -> Option<bool> {
    None
}

/// # Safety
/// As `list_push`.
#[inline(always)]
pub(crate) unsafe fn list_pop<T>(_: Place<'_, T>, _: Index) -> Option<usize> {
    None
}

/// # Safety
/// As `list_push`.
#[inline(always)]
pub(crate) unsafe fn buffer_push<T>(
    _: Place<'_, T>,
    _: *const u64,
    _: Shape,
    _: Index,
) -> Option<bool> {
    None
}

/// # Safety
/// As `list_push`.
#[inline(always)]
pub(crate) unsafe fn buffer_pop<T>(
    _: Place<'_, T>,
    _: *mut u64,
    _: Shape,
    _: Index,
) -> Option<bool> {
    None
}
