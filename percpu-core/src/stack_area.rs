//! [`StackArea`]: a stack in every unit, and how many items each may have.
//!
//! # Safety
//!
//! Makes places of stacks of memory that it owns.

#![allow(unsafe_code)]

use crate::atomic::{AtomicU64, Ordering};
use crate::error::Error;
use crate::ops::Refused;
use crate::process::{self, Admission};
use crate::stack_copy::{StackPlace, StackRef};
use crate::stack_memory::StackMemory;

/// The stacks of all units.
#[derive(Debug)]
pub(crate) struct StackArea {
    memory: StackMemory,
    /// How many items each may have: never more than `capacity`.
    limit: AtomicU64,
}

impl StackArea {
    /// Empty stacks.
    pub(crate) fn new(capacity: usize) -> Result<Self, Error> {
        let memory = StackMemory::new(capacity)?;
        let limit = AtomicU64::new(memory.capacity().into());
        Ok(Self { memory, limit })
    }

    #[inline(always)]
    pub(crate) fn place(&self) -> StackPlace<'_> {
        // SAFETY: its stacks were made with this many slots, and are this value's alone.
        unsafe { StackPlace::new(self.memory.place(), self.capacity(), &self.limit) }
    }

    /// How many items a stack can hold.
    #[inline]
    pub(crate) fn capacity(&self) -> u32 {
        self.memory.capacity()
    }

    /// How many items each stack may have now.
    #[inline]
    pub(crate) fn limit(&self) -> u64 {
        // Relaxed: a number.
        self.limit.load(Ordering::Relaxed)
    }

    /// Replaces the limit by what `f` makes of it, or the capacity if that is less.
    /// Returns the old one, or that `f` wants none.
    pub(crate) fn update_limit(&self, f: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        // Relaxed: a fence follows where it must be seen.
        let update = |limit| f(limit).map(|limit| limit.min(self.capacity().into()));
        self.limit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update).ok()
    }

    /// For an operation whose fast path was closed: this thread's stack, by
    /// atomics, or `None` if the fast path may be open now.
    #[cold]
    #[inline(never)]
    pub(crate) fn admit(&self) -> Option<StackRef<'_>> {
        let at = self.place();
        match process::admit(at.place()) {
            Admission::Retry => None,
            // SAFETY: one of the place's own copies.
            Admission::Atomic(head) => Some(unsafe { at.of(head) }),
        }
    }

    /// As [`admit`](Self::admit), if that gave this thread a stack before, in portable
    /// mode: then it always does.
    #[inline]
    pub(crate) fn admitted(&self) -> Option<StackRef<'_>> {
        let at = self.place();
        // SAFETY: one of the place's own copies.
        process::admitted(at.place()).map(|head| unsafe { at.of(head) })
    }

    /// As `admit`, for an operation inside an allocation.
    ///
    /// # Errors
    /// It would take waiting.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_admit(&self) -> Result<Option<StackRef<'_>>, Refused> {
        let at = self.place();
        match process::try_admit_any(at.place()).ok_or(Refused::Stopped)? {
            Admission::Retry => Ok(None),
            // SAFETY: one of the place's own copies.
            Admission::Atomic(head) => Ok(Some(unsafe { at.of(head) })),
        }
    }

    /// The stack of `unit`; `None` if the unit is inactive, as nothing was ever
    /// pushed there.
    pub(crate) fn on(&self, unit: u32) -> Option<StackRef<'_>> {
        let base = process::get_or_panic().units.base(unit)?;
        // SAFETY: the base of an active unit.
        Some(unsafe { self.place().at(base) })
    }
}
