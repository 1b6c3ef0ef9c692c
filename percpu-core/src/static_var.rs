//! [`percpu!`](crate::percpu) and [`StaticPerCpu`]: declared per-CPU variables.

use core::fmt;
use core::ops::Deref;

use crate::copies::Copies;
use crate::error::Error;
use crate::home::Home;

/// A per-CPU variable declared with [`percpu!`](crate::percpu): the kernel's
/// `DEFINE_PER_CPU`. Everything to do with it is on [`Copies`].
#[doc(alias = "DEFINE_PER_CPU")]
pub struct StaticPerCpu<T: 'static> {
    copies: Copies<T>,
}

impl<T: 'static> StaticPerCpu<T> {
    /// For [`percpu!`](crate::percpu) only.
    #[doc(hidden)]
    pub const fn __new(home: Home<T>) -> Self {
        Self { copies: Copies { home } }
    }

    /// Makes room for the variable now instead of at its first operation:
    /// to meet an error as a value, or before a signal handler uses it.
    ///
    /// # Errors
    /// What [`init`](crate::init) returns, or [`Error::OutOfMemory`] for the
    /// statics of this library.
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

/// Declares per-CPU variables: `[pub] static NAME: Type = initial value;`.
///
/// Each declares a [`StaticPerCpu<Type>`](crate::StaticPerCpu). Every CPU's
/// copy starts with the initial value, a constant expression, duplicated as
/// `[const { .. }; N]` duplicates. The type must be `Sync`; copies are never
/// dropped. Works in crates that forbid unsafe code.
///
/// ```
/// use percpu_core::{percpu, atomic::AtomicU64};
///
/// percpu! {
///     /// Queries this process has served.
///     pub static QUERIES: AtomicU64 = AtomicU64::new(0);
///     static BUCKETS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
/// }
///
/// QUERIES.inc();
/// BUCKETS.at(2).add(5);
/// assert_eq!((QUERIES.sum(), BUCKETS.at(2).sum()), (1, 5));
/// ```
///
/// The handle is not the variable. It leads to the copies:
/// ```
/// use percpu_core::{Copies, percpu, atomic::AtomicU64};
/// percpu! { static N: AtomicU64 = AtomicU64::new(0); }
/// let n: &Copies<AtomicU64> = &N;
/// ```
/// and not to one of them:
/// ```compile_fail,E0308
/// use percpu_core::{percpu, atomic::AtomicU64};
/// percpu! { static N: AtomicU64 = AtomicU64::new(0); }
/// let n: &AtomicU64 = &N; // which CPU's?
/// ```
/// A type that threads may not share is refused:
/// ```compile_fail,E0277
/// percpu_core::percpu! { static N: std::cell::Cell<u64> = std::cell::Cell::new(0); }
/// ```
#[macro_export]
#[doc(alias = "DEFINE_PER_CPU")]
macro_rules! percpu {
    ($($(#[$meta:meta])* $vis:vis static $NAME:ident: $T:ty = $init:expr;)*) => {$(
        $(#[$meta])*
        $vis static $NAME: $crate::StaticPerCpu<$T> = $crate::__static_per_cpu!($T, $init);
    )*};
}
