//! The kernel's two unprotected families: asserted (`__this_cpu_*`) and raw
//! (`raw_cpu_*`).
//!
//! | family | here | what keeps others from this copy meanwhile |
//! | --- | --- | --- |
//! | `this_cpu_*` | the operations of `word.rs` | the operation itself |
//! | `__this_cpu_*` | [`Copies::asserted`] | a lock that the caller holds; checked in debug builds |
//! | `raw_cpu_*` | [`Copies::raw`] | nothing |
//!
//! Both are a relaxed load and a relaxed store of one copy: whoever comes between
//! loses what it added, or undoes it, but a word stays a word.

use core::fmt;

use crate::copies::{Copies, hinted};
use crate::element::Element;
use crate::ops::{BitWord, IntWord, Word};
use crate::place::Place;
use crate::process;
use crate::remote::copy_on;
use crate::sys::nesting;
use crate::unit::Unit;

/// One unit's word, changed by plain loads and stores while the caller holds a
/// lock of that unit; from [`Copies::asserted`].
pub struct Asserted<'a, W> {
    copy: &'a W,
}

/// The word of the CPU this thread was on a moment ago, changed by plain loads
/// and stores that may lose updates; from [`Copies::raw`].
pub struct Raw<'a, W> {
    copy: &'a W,
}

/// The copy of `unit`, which this thread says it has locked.
fn asserted<'a, W>(place: Place<'a, W>, unit: Unit) -> Asserted<'a, W> {
    debug_assert!(
        process::get_or_panic().units.base(unit.index()).is_some_and(nesting::holds),
        "an asserted operation on {unit}, of which this thread holds no LocalLock"
    );
    Asserted { copy: copy_on(place, unit) }
}

impl<W: Word> Copies<W> {
    /// The word of `unit`, of which this thread holds a [`LocalLock`]; for
    /// operations at the price of a plain one, where everybody who changes the
    /// word holds that lock.
    ///
    /// An operation that meets one of another kind on the same copy may undo it.
    ///
    /// # Panics
    /// In debug builds, if this thread holds no guard of any `LocalLock` on `unit`.
    /// On first use, if the system refuses memory.
    ///
    /// ```
    /// use percpu_core::{LocalLock, LocalLockGuard, atomic::AtomicU64, percpu};
    ///
    /// percpu! {
    ///     static ITEMS: LocalLock<[u8; 64]> = LocalLock::new([0; 64]);
    ///     static USED: AtomicU64 = AtomicU64::new(0);
    /// }
    ///
    /// let mut items = ITEMS.lock();
    /// items[0] = 1;
    /// USED.asserted(LocalLockGuard::unit(&items)).inc();
    /// ```
    ///
    /// [`LocalLock`]: crate::LocalLock
    #[inline]
    pub fn asserted(&self, unit: Unit) -> Asserted<'_, W> {
        asserted(self.home.resolved(), unit)
    }

    /// The word of the CPU this thread was on a moment ago, for operations that
    /// **may lose updates**, their own and others': for rough figures. Kept longer,
    /// it stays the same copy.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    ///
    /// ```
    /// use percpu_core::{atomic::AtomicU64, percpu};
    /// percpu! { static ROUGHLY: AtomicU64 = AtomicU64::new(0); }
    /// ROUGHLY.raw().inc();
    /// assert!(ROUGHLY.sum() <= 1);
    /// ```
    #[inline]
    pub fn raw(&self) -> Raw<'_, W> {
        Raw { copy: hinted(self.home.resolved()) }
    }
}

impl<'a, W: Word> Element<'a, W> {
    /// As [`Copies::asserted`].
    ///
    /// # Panics
    /// As that.
    #[inline]
    pub fn asserted(&self, unit: Unit) -> Asserted<'a, W> {
        asserted(self.place, unit)
    }

    /// As [`Copies::raw`].
    ///
    /// # Panics
    /// As that.
    #[inline]
    pub fn raw(&self) -> Raw<'a, W> {
        Raw { copy: hinted(self.place) }
    }
}

macro_rules! family {
    (
        $View:ident:
        $read:tt $write:tt $xchg:tt $cmpxchg:tt $try_cmpxchg:tt $and:tt $or:tt
        $add:tt $sub:tt $inc:tt $dec:tt
        $add_return:tt $sub_return:tt $inc_return:tt $dec_return:tt
    ) => {
        impl<W> Clone for $View<'_, W> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<W> Copy for $View<'_, W> {}

        impl<W: Word> $View<'_, W> {
            /// The value.
            #[doc(alias = $read)]
            #[inline]
            pub fn load(self) -> W::Value {
                self.copy.get()
            }

            /// Replaces the value.
            #[doc(alias = $write)]
            #[inline]
            pub fn store(self, value: W::Value) {
                self.copy.put(value);
            }

            /// Replaces the value and returns the old one.
            #[doc(alias = $xchg)]
            #[inline]
            pub fn swap(self, value: W::Value) -> W::Value {
                let old = self.load();
                self.store(value);
                old
            }

            /// Replaces the value if it is `current`.
            ///
            /// # Errors
            /// The value found, if it was another.
            #[doc(alias = $cmpxchg)]
            #[doc(alias = $try_cmpxchg)]
            #[inline]
            pub fn compare_exchange(
                self,
                current: W::Value,
                new: W::Value,
            ) -> Result<W::Value, W::Value> {
                let old = self.load();
                if old != current {
                    return Err(old);
                }
                self.store(new);
                Ok(old)
            }
        }

        impl<W: BitWord> $View<'_, W> {
            /// `value &= n`.
            #[doc(alias = $and)]
            #[inline]
            pub fn and(self, n: W::Value) {
                self.store(W::from_bits(W::to_bits(self.load()) & W::to_bits(n)));
            }

            /// `value |= n`.
            #[doc(alias = $or)]
            #[inline]
            pub fn or(self, n: W::Value) {
                self.store(W::from_bits(W::to_bits(self.load()) | W::to_bits(n)));
            }
        }

        impl<W: IntWord> $View<'_, W> {
            /// Adds `n`; wraps.
            #[doc(alias = $add)]
            #[inline]
            pub fn add(self, n: W::Value) {
                self.add_return(n);
            }

            /// Subtracts `n`; wraps.
            #[doc(alias = $sub)]
            #[inline]
            pub fn sub(self, n: W::Value) {
                self.add_return(W::negate(n));
            }

            /// Adds one.
            #[doc(alias = $inc)]
            #[inline]
            pub fn inc(self) {
                self.add_return(W::ONE);
            }

            /// Subtracts one.
            #[doc(alias = $dec)]
            #[inline]
            pub fn dec(self) {
                self.add_return(W::negate(W::ONE));
            }

            /// Adds `n` and returns the new value.
            #[doc(alias = $add_return)]
            #[inline]
            pub fn add_return(self, n: W::Value) -> W::Value {
                let new = W::plus(self.load(), n);
                self.store(new);
                new
            }

            /// Subtracts `n` and returns the new value.
            #[doc(alias = $sub_return)]
            #[inline]
            pub fn sub_return(self, n: W::Value) -> W::Value {
                self.add_return(W::negate(n))
            }

            /// Adds one and returns the new value.
            #[doc(alias = $inc_return)]
            #[inline]
            pub fn inc_return(self) -> W::Value {
                self.add_return(W::ONE)
            }

            /// Subtracts one and returns the new value.
            #[doc(alias = $dec_return)]
            #[inline]
            pub fn dec_return(self) -> W::Value {
                self.add_return(W::negate(W::ONE))
            }
        }

        impl<W: Word> fmt::Debug for $View<'_, W> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($View)).field(&self.load()).finish()
            }
        }
    };
}

family!(
    Asserted:
    "__this_cpu_read" "__this_cpu_write" "__this_cpu_xchg" "__this_cpu_cmpxchg"
    "__this_cpu_try_cmpxchg" "__this_cpu_and" "__this_cpu_or"
    "__this_cpu_add" "__this_cpu_sub" "__this_cpu_inc" "__this_cpu_dec"
    "__this_cpu_add_return" "__this_cpu_sub_return" "__this_cpu_inc_return"
    "__this_cpu_dec_return"
);
family!(
    Raw:
    "raw_cpu_read" "raw_cpu_write" "raw_cpu_xchg" "raw_cpu_cmpxchg"
    "raw_cpu_try_cmpxchg" "raw_cpu_and" "raw_cpu_or"
    "raw_cpu_add" "raw_cpu_sub" "raw_cpu_inc" "raw_cpu_dec"
    "raw_cpu_add_return" "raw_cpu_sub_return" "raw_cpu_inc_return"
    "raw_cpu_dec_return"
);
