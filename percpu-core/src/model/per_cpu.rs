//! [`PerCpu`] on the pretend machine. Twin of `src/per_cpu.rs`, which documents
//! it: each allocation is a boxed slice of its own.

use core::fmt;
use core::ops::Deref;

use crate::copies::Copies;
use crate::error::Error;
use crate::home::{self, Home};
use crate::process;
use crate::unit::Unit;
use crate::zeroable::Zeroable;

/// One `T` on every possible CPU, allocated: the kernel's `alloc_percpu`.
#[doc(alias = "alloc_percpu")]
#[doc(alias = "free_percpu")]
pub struct PerCpu<T> {
    copies: Copies<T>,
}

impl<T: Zeroable> PerCpu<T> {
    /// Allocates zeroed copies.
    ///
    /// # Errors
    /// [`Error::ZeroSize`].
    pub fn zeroed() -> Result<Self, Error> {
        const { assert!(!core::mem::needs_drop::<T>(), "use new_with for types with a destructor") };
        Self::of(|| home::per_unit(T::zero))
    }
}

impl<T: Send + Sync> PerCpu<T> {
    /// Allocates copies and initialises each with `init`, which is called once
    /// for every unit: each possible CPU's, ascending, then the shared one.
    ///
    /// # Errors
    /// [`Error::ZeroSize`].
    pub fn new_with(mut init: impl FnMut(Unit) -> T) -> Result<Self, Error> {
        let units = process::get()?.units.count();
        Self::of(|| (0..units).map(|unit| init(Unit::new(unit))).collect())
    }
}

impl<T> PerCpu<T> {
    fn of(copies: impl FnOnce() -> Box<[T]>) -> Result<Self, Error> {
        if size_of::<T>() == 0 {
            return Err(Error::ZeroSize);
        }
        Ok(Self { copies: Copies { home: Home::allocated(copies()) } })
    }
}

impl<T> Deref for PerCpu<T> {
    type Target = Copies<T>;

    fn deref(&self) -> &Copies<T> {
        &self.copies
    }
}

impl<T: fmt::Debug> fmt::Debug for PerCpu<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.copies.fmt(f)
    }
}

impl<'a, T> IntoIterator for &'a PerCpu<T> {
    type Item = <&'a Copies<T> as IntoIterator>::Item;
    type IntoIter = <&'a Copies<T> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.copies.iter()
    }
}
