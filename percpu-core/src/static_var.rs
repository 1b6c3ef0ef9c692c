//! [`StaticPerCpu`]: a per-CPU variable that [`percpu!`](crate::percpu) declared.
//!
//! # Safety
//!
//! Passes on what the makers of a handle, and who gives copies back, must promise.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;

use crate::area::section::LinkUnit;
use crate::copies::Copies;
use crate::error::Error;
use crate::home::Home;
use crate::ops::Word;
use crate::process;

/// A per-CPU variable declared with [`percpu!`](crate::percpu): the kernel's
/// `DEFINE_PER_CPU`. Everything to do with it is on [`Copies`].
#[doc(alias = "DEFINE_PER_CPU")]
pub struct StaticPerCpu<T: 'static> {
    copies: Copies<T>,
}

impl<T: 'static> StaticPerCpu<T> {
    /// For [`percpu!`](crate::percpu) only.
    ///
    /// # Safety
    /// As what made `home` asks: the value is kept in a static.
    #[doc(hidden)]
    pub const unsafe fn __new(home: Home<T>) -> Self {
        Self { copies: Copies { home } }
    }

    /// Makes room for the variable now instead of at its first operation:
    /// to meet an error as a value, or before a signal handler uses it.
    ///
    /// # Errors
    /// What [`init`](crate::init) returns, or [`Error::OutOfMemory`],
    /// [`Error::TooLarge`] or [`Error::HotTooLarge`] for the statics of this
    /// library.
    pub fn prepare(&self) -> Result<(), Error> {
        self.copies.home.try_resolve().map(drop)
    }
}

impl<T> Deref for StaticPerCpu<T> {
    type Target = Copies<T>;

    #[inline(always)]
    fn deref(&self) -> &Copies<T> {
        &self.copies
    }
}

impl<T: fmt::Debug> fmt::Debug for StaticPerCpu<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.copies.fmt(f)
    }
}

impl<'a, T> IntoIterator for &'a StaticPerCpu<T> {
    type Item = <&'a Copies<T> as IntoIterator>::Item;
    type IntoIter = <&'a Copies<T> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.copies.iter()
    }
}

/// For [`percpu!`](crate::percpu) only: what may be hot.
#[doc(hidden)]
pub const fn only_words<W: Word>() {}

/// For [`unregister_statics!`](crate::unregister_statics) only.
///
/// # Safety
/// As the macro asks, for the link unit that is told.
#[doc(hidden)]
pub unsafe fn unregister(link_unit: fn() -> LinkUnit) -> bool {
    // SAFETY: passed on.
    unsafe { process::unregister_statics(&link_unit()) }
}
