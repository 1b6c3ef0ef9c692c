//! No sections: the fast path is closed to every thread.

use core::mem::MaybeUninit;

use crate::index::Index;
use crate::ops::refused::Refused;
use crate::stack_copy::StackPlace;

#[inline(always)]
pub(crate) fn push(_: StackPlace<'_>, _: u64, _: Index) -> bool {
    false
}

#[inline(always)]
pub(crate) fn pop(_: StackPlace<'_>, _: Index) -> Option<u64> {
    None
}

#[inline(always)]
pub(crate) fn push_batch(
    _: StackPlace<'_>,
    _: &[u64],
    _: usize,
    _: Index,
) -> Option<Result<usize, Refused>> {
    None
}

#[inline(always)]
pub(crate) fn pop_batch(
    _: StackPlace<'_>,
    _: &mut [MaybeUninit<u64>],
    _: usize,
    _: Index,
) -> Option<Result<usize, Refused>> {
    None
}
