//! [`Storage`]: where copies live, allocated or declared.

use std::ops::Deref;

use percpu_core::{Copies, PerCpu, StaticPerCpu, Unit};

/// The copies behind either kind of storage.
pub(crate) trait Storage {
    /// What every unit has one of.
    type Item;

    fn copies(&self) -> &Copies<Self::Item>;

    /// The copies of the units in use.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    fn in_use(&self) -> impl Iterator<Item = (Unit, &Self::Item)> {
        units_in_use().map(|unit| (unit, self.copies().on(unit).get()))
    }
}

/// The units in use. Others hold what they began with, and stay as they are: to look
/// at their copies would make them active.
///
/// # Panics
/// On first use, if the system refuses memory.
pub(crate) fn units_in_use() -> impl DoubleEndedIterator<Item = Unit> {
    let units = Unit::all().unwrap_or_else(|error| panic!("percpu: {error}"));
    units.filter(|unit| unit.is_active())
}

impl<T> Storage for PerCpu<T> {
    type Item = T;

    #[inline(always)]
    fn copies(&self) -> &Copies<T> {
        self
    }
}

impl<T> Storage for &'static StaticPerCpu<T> {
    type Item = T;

    #[inline(always)]
    fn copies(&self) -> &Copies<T> {
        (*self).deref()
    }
}
