//! [`StackArea`] on the pretend machine. Twin of `src/stack_area.rs`: a boxed
//! slice with one stack for each unit.
//!
//! # Safety
//!
//! Makes places of stacks that each have slots of their own.

#![allow(unsafe_code)]

use crate::atomic::{AtomicU64, Ordering};
use crate::error::Error;
use crate::ops::Refused;
use crate::place::Place;
use crate::process::{self, Admission};
use crate::stack_copy::{StackCopy, StackPlace, StackRef};

/// The stacks; one for each unit.
#[derive(Debug)]
pub(crate) struct StackArea {
    stacks: Box<[StackCopy]>,
    capacity: u32,
    /// How many items each may have: never more than `capacity`.
    limit: AtomicU64,
}

impl StackArea {
    /// Empty stacks.
    pub(crate) fn new(capacity: usize) -> Result<Self, Error> {
        let units = process::get()?.units.count();
        let stacks = (0..units).map(|_| StackCopy::new(capacity)).collect();
        let capacity = capacity as u32;
        Ok(Self { stacks, capacity, limit: AtomicU64::new(capacity.into()) })
    }

    pub(crate) fn place(&self) -> StackPlace<'_> {
        // SAFETY: each was made with this many slots.
        unsafe { StackPlace::new(Place::new(&self.stacks), self.capacity, &self.limit) }
    }

    /// How many items a stack can hold.
    #[inline]
    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
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
        let update = |limit| f(limit).map(|limit| limit.min(self.capacity.into()));
        self.limit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update).ok()
    }

    /// For an operation whose fast path was closed: this thread's stack, by
    /// atomics, or `None` if the fast path may be open now.
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

    /// As `admit`, for an operation inside an allocation: there is no lock of units that
    /// it would wait for.
    ///
    /// # Errors
    /// None here.
    pub(crate) fn try_admit(&self) -> Result<Option<StackRef<'_>>, Refused> {
        Ok(self.admit())
    }

    /// The stack of `unit`; every unit is active.
    pub(crate) fn on(&self, unit: u32) -> Option<StackRef<'_>> {
        let base = process::get_or_panic().units.base(unit)?;
        // SAFETY: the base of a unit of this machine.
        Some(unsafe { self.place().at(base) })
    }
}
