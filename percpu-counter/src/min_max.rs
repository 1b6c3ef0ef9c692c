//! [`Min`] and [`Max`]: the least and the greatest value, per CPU and of all.

use std::fmt;
use std::marker::PhantomData;

use percpu_core::{Error, PerCpu, StaticPerCpu};

use crate::extreme::{Extreme, Ranks};
use crate::storage::Storage;

/// What [`Min`] and [`Max`] compare: `u64` and `i64`, sealed.
pub trait Extremal: Copy + fmt::Debug + fmt::Display + sealed::Rank {}

impl Extremal for u64 {}
impl Extremal for i64 {}

mod sealed {
    /// A place in the order of all values, one for each.
    pub trait Rank {
        fn rank(self) -> u64;
        fn of_rank(rank: u64) -> Self;
    }

    impl Rank for u64 {
        #[inline]
        fn rank(self) -> u64 {
            self
        }
        fn of_rank(rank: u64) -> Self {
            rank
        }
    }

    /// As if counted from the least one.
    impl Rank for i64 {
        #[inline]
        fn rank(self) -> u64 {
            self.cast_unsigned() ^ (1 << 63)
        }
        fn of_rank(rank: u64) -> Self {
            (rank ^ (1 << 63)).cast_signed()
        }
    }
}

/// The two differ in whose rank is the highest, and in words.
macro_rules! extreme {
    ($(#[$doc:meta])* $Name:ident, $Static:ident, $most:literal, $turned:expr) => {
        $(#[$doc])*
        pub struct $Name<V = u64, S = PerCpu<Ranks>> {
            ranks: Extreme<S>,
            values: PhantomData<fn(V)>,
        }

        #[doc = concat!("A [`", stringify!($Name), "`] declared with [`counter!`](macro@crate::counter).")]
        pub type $Static<V = u64> = $Name<V, &'static StaticPerCpu<Ranks>>;

        impl<V, S> $Name<V, S> {
            const fn over(ranks: S) -> Self {
                Self { ranks: Extreme(ranks), values: PhantomData }
            }
        }

        impl $Name {
            /// One of unsigned values, nothing recorded yet.
            ///
            /// # Errors
            /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
            pub fn new() -> Result<Self, Error> {
                PerCpu::zeroed().map(Self::over)
            }
        }

        impl $Name<i64> {
            /// One of signed values, nothing recorded yet.
            ///
            /// # Errors
            /// As [`new`](
            #[doc = concat!(stringify!($Name), "::new).")]
            pub fn signed() -> Result<Self, Error> {
                PerCpu::zeroed().map(Self::over)
            }
        }

        impl<V> $Static<V> {
            /// One over a static that is used for nothing else.
            #[doc(hidden)]
            pub const fn __from_static(ranks: &'static StaticPerCpu<Ranks>) -> Self {
                Self::over(ranks)
            }
        }

        /// # Panics
        /// Each, on the first use of a static, if the system refuses memory.
        #[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
        impl<V: Extremal, S: Storage<Item = Ranks>> $Name<V, S> {
            /// Records `value`.
            ///
            /// # Performance
            /// Nothing new costs a look at this CPU's copy: a few loads, no store. A
            #[doc = concat!(" new ", $most, " value of this CPU is a compare-exchange there, without a")]
            /// locked instruction.
            #[inline]
            pub fn record(&self, value: V) {
                self.ranks.record($turned(value.rank()));
            }

            #[doc = concat!("The ", $most, " value recorded on any CPU; `None` before the first.")]
            ///
            /// Exact: no recording that returned before is missed.
            ///
            /// # Performance
            /// One load a unit in use, no lock.
            pub fn get(&self) -> Option<V> {
                self.ranks.get().map(|rank| V::of_rank($turned(rank)))
            }
        }

        #[allow(private_bounds, reason = "as above")]
        impl<V: Extremal, S: Storage<Item = Ranks>> fmt::Debug for $Name<V, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($Name)).field(&self.get()).finish()
            }
        }

        /// The value, or `-` before the first.
        #[allow(private_bounds, reason = "as above")]
        impl<V: Extremal, S: Storage<Item = Ranks>> fmt::Display for $Name<V, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.get() {
                    Some(value) => fmt::Display::fmt(&value, f),
                    None => f.pad("-"),
                }
            }
        }
    };
}

extreme! {
    /// The greatest value recorded: the longest queue, the slowest request.
    ///
    /// Every value of the type may be recorded, and "nothing yet" is told from all of
    /// them. Takes 16 bytes of per-CPU memory for each possible CPU and for the unit
    /// of threads without restartable sequences. Not `Default`, as
    /// [`Counter`](crate::Counter); and there is no reset, which could not be exact
    /// without making [`record`](Max::record) dearer: use a new one for each window.
    ///
    /// ```
    /// use percpu_counter::Max;
    /// let longest = Max::new()?;
    /// assert_eq!(longest.get(), None);
    /// std::thread::scope(|s| {
    ///     for n in [3, 9, 4] {
    ///         let longest = &longest;
    ///         s.spawn(move || longest.record(n));
    ///     }
    /// });
    /// assert_eq!(longest.get(), Some(9));
    /// let warmest = Max::signed()?;
    /// warmest.record(-3);
    /// assert_eq!(warmest.get(), Some(-3));
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    Max, StaticMax, "greatest", std::convert::identity
}

extreme! {
    /// The least value recorded: the fastest request, the lowest level.
    ///
    /// In everything else as [`Max`].
    ///
    /// ```
    /// use percpu_counter::Min;
    /// let fastest = Min::new()?;
    /// [7, 5, 6].map(|ns| fastest.record(ns));
    /// assert_eq!(fastest.get(), Some(5));
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    Min, StaticMin, "least", std::ops::Not::not
}
