//! [`Remote`]: another unit's copy, looked at from anywhere.
//!
//! # Safety
//!
//! Turns bases of active units into copies.

#![allow(unsafe_code)]

use core::fmt;

use crate::copies::Copies;
use crate::element::Element;
use crate::ops::Word;
use crate::place::Place;
use crate::process;
use crate::unit::Unit;

/// One unit's copy, seen from any CPU; from [`Copies::on`] and
/// [`Copies::iter`].
///
/// Reading needs no lock. Writing is possible only by the name that says so.
pub struct Remote<'a, T> {
    unit: Unit,
    copy: &'a T,
}

impl<T> Clone for Remote<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Remote<'_, T> {}

impl<T> Copies<T> {
    /// The copy of `unit`, which becomes active if it was not.
    ///
    /// ```
    /// use percpu_core::{PerCpu, Unit, atomic::AtomicU64};
    /// let hits = PerCpu::<AtomicU64>::zeroed()?;
    /// hits.add(2);
    /// let most = Unit::all()?.map(|unit| hits.on(unit).load()).max();
    /// assert!(most > Some(0));
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    #[doc(alias = "per_cpu")]
    #[doc(alias = "per_cpu_ptr")]
    pub fn on(&self, unit: Unit) -> Remote<'_, T> {
        Remote::new(unit, copy_on(self.home.resolved(), unit))
    }

    /// Every unit's copy: each possible CPU's, ascending, then the shared one.
    /// All units become active; [`sum`](Copies::sum) does not need that.
    #[doc(alias = "for_each_possible_cpu")]
    pub fn iter(&self) -> Iter<'_, T> {
        self.home.resolved();
        Iter::new(self)
    }
}

impl<'a, T> Element<'a, T> {
    /// The part of `unit`'s value, which becomes active if it was not.
    pub fn on(self, unit: Unit) -> Remote<'a, T> {
        Remote::new(unit, copy_on(self.place, unit))
    }
}

/// The copy at `place` of `unit`, which becomes active if it was not.
#[inline]
pub(crate) fn copy_on<T>(place: Place<'_, T>, unit: Unit) -> &T {
    let base = process::get_or_panic().units.activate(unit.index());
    // SAFETY: the unit was just made active.
    unsafe { place.at(base) }
}

impl<'a, T> IntoIterator for &'a Copies<T> {
    type Item = (Unit, Remote<'a, T>);
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T> Remote<'a, T> {
    pub(crate) fn new(unit: Unit, copy: &'a T) -> Self {
        Self { unit, copy }
    }

    /// Whose copy it is.
    pub fn unit(self) -> Unit {
        self.unit
    }

    /// The copy itself. `T` must synchronise itself, as a `Mutex` does; on a
    /// word the warning of [`as_atomic`](Self::as_atomic) holds.
    pub fn get(self) -> &'a T {
        self.copy
    }
}

impl<'a, W: Word> Remote<'a, W> {
    /// The word's value (relaxed).
    #[inline]
    pub fn load(self) -> W::Value {
        self.copy.get()
    }

    /// The word as the atomic it is. **Remote writes may be lost**: the unit's
    /// own CPU adds with plain instructions, which an atomic instruction from
    /// another CPU does not hold back. Reads and orderings are as usual.
    pub fn as_atomic(self) -> &'a W {
        self.copy
    }
}

impl<T: fmt::Debug> fmt::Debug for Remote<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.copy.fmt(f)
    }
}

/// Every unit's copy; from [`Copies::iter`].
pub struct Iter<'a, T> {
    copies: &'a Copies<T>,
    units: core::ops::Range<u32>,
}

impl<'a, T> Iter<'a, T> {
    pub(crate) fn new(copies: &'a Copies<T>) -> Self {
        Self { copies, units: 0..process::get_or_panic().units.count() }
    }

    fn item(&self, unit: u32) -> (Unit, Remote<'a, T>) {
        let unit = Unit::new(unit);
        (unit, self.copies.on(unit))
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (Unit, Remote<'a, T>);

    fn next(&mut self) -> Option<Self::Item> {
        self.units.next().map(|unit| self.item(unit))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.units.size_hint()
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.units.next_back().map(|unit| self.item(unit))
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> core::iter::FusedIterator for Iter<'_, T> {}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("units", &self.units).finish_non_exhaustive()
    }
}
