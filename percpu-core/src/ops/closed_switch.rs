//! No sections behind a switch: the fast path is closed to every thread.

use crate::atomic::{AtomicU32, AtomicU64};
use crate::index::Index;
use crate::ops::refused::Refused;
use crate::place::Place;

#[inline(always)]
pub(crate) fn add(
    _: Place<'_, AtomicU64>,
    _: &AtomicU32,
    _: u64,
    _: Index,
) -> Option<Result<(), Refused>> {
    None
}

#[inline(always)]
pub(crate) fn add_within(
    _: Place<'_, AtomicU64>,
    _: &AtomicU32,
    _: u64,
    _: (u64, u64),
    _: Index,
) -> Option<Result<(), Refused>> {
    None
}

#[inline(always)]
pub(crate) fn add_in_turn(_: Place<'_, [AtomicU64; 2]>, _: &AtomicU32, _: Index) -> Option<usize> {
    None
}
