//! [`Home`]: where the copies of one `T` live on the pretend machine. Twin of
//! `src/home.rs`.
//!
//! A boxed slice with one `T` for each unit. A static's is made at its first
//! use in each execution and dropped at the execution's end, by loom's `Lazy`:
//! nothing survives from one execution into the next.
//!
//! # Safety
//!
//! Keeps the promise of [`Place`] for as long as a handle lives, or a static's
//! execution lasts.

#![allow(unsafe_code)]

use core::fmt;

use crate::error::Error;
use crate::model::state;
use crate::place::Place;

#[doc(hidden)]
pub struct Home<T> {
    copies: Held<T>,
}

enum Held<T> {
    Allocated(Box<[T]>),
    /// INVARIANT: returns one `T` for each unit, good for the execution.
    Static(fn() -> *const [T]),
}

/// What an inactive unit's copy counts as. Here every unit is active.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source;

/// Units whose copies were not looked at: there are none here.
pub(crate) struct Idle<'a, T> {
    pub(crate) count: usize,
    pub(crate) value: Option<&'a T>,
}

impl<T> fmt::Debug for Home<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").finish_non_exhaustive()
    }
}

impl<T> Home<T> {
    pub(crate) fn allocated(copies: Box<[T]>) -> Self {
        Self { copies: Held::Allocated(copies) }
    }

    /// For [`percpu!`](crate::percpu) only.
    ///
    /// # Safety
    /// `copies` returns what [`per_unit`] made in this execution.
    pub const unsafe fn of_static(copies: fn() -> *const [T]) -> Self {
        Self { copies: Held::Static(copies) }
    }

    pub(crate) fn source(&self) -> Source {
        Source
    }

    /// The place; always resolved.
    pub(crate) fn place(&self) -> Option<Place<'_, T>> {
        Some(self.resolved())
    }

    pub(crate) fn try_resolve(&self) -> Result<Place<'_, T>, Error> {
        Ok(self.resolved())
    }

    pub(crate) fn resolved(&self) -> Place<'_, T> {
        match &self.copies {
            Held::Allocated(copies) => Place::new(copies),
            // SAFETY: the invariant; as with loom's own `Lazy`, a reference
            // must not be carried into another execution.
            Held::Static(copies) => Place::new(unsafe { &*copies() }),
        }
    }
}

impl Source {
    /// The source of a part that lies `bytes` into the value.
    pub(crate) fn part(self, _bytes: usize) -> Self {
        self
    }

    /// Shows every copy: all units are in use here.
    pub(crate) fn survey<'a, T>(
        self,
        place: Place<'a, T>,
        mut see: impl FnMut(&'a T),
    ) -> Idle<'a, T> {
        for unit in 0..state::current().cpus() + 1 {
            // SAFETY: the base of a unit is its number.
            see(unsafe { place.at(unit as usize) });
        }
        Idle { count: 0, value: None }
    }
}

/// One value for each unit of the running execution's machine: each CPU's, then
/// the shared one's.
#[doc(hidden)]
pub fn per_unit<T>(initial: impl Fn() -> T) -> Box<[T]> {
    (0..state::current().cpus() + 1).map(|_| initial()).collect()
}
