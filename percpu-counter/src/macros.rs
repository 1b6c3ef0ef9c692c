//! What the crates of users expand: [`counter!`](macro@crate::counter), statics of every kind
//! that the crate has, and [`counter_set!`](crate::counter_set).
//!
//! An expansion reaches this crate from its root alone, and the root knows every file. So
//! macros are in a file of their own: what they are about does not depend on all there is.
//!
//! # A new kind
//! A line in each of the two macros below, and a hidden constant constructor on
//! the static form of the type:
//!
//! | what is written | `__static_type!` gets | `__static_value!` gets |
//! | --- | --- | --- |
//! | `static A: Kind;` | `Kind` | `Kind` |
//! | `static A: Kind<T>;` | `Kind<T>` | `Kind<T>` |
//! | `static A: Kind = value;` | `Kind` | `Kind = value` |
//! | `static A: Kind<T> = value;` | `Kind<T>` | `Kind<T> = value` |
//!
//! A form without a line is an error that `__no_such_static!` words.
//! `__static_copies!(T, initial)` declares a `StaticPerCpu<T>` and is a reference
//! to it (a word goes without its zero), `__static_base!(V, initial)` what belongs to
//! all CPUs, under a lock.

/// Declares counters and their kin: `[pub] static NAME: Kind;`.
///
/// Each is infallible and lazy, with its copies among the static per-CPU
/// variables; should the system refuse memory for these, their first use panics.
///
/// | kind | is a |
/// | --- | --- |
/// | `Counter` | [`StaticCounter`](crate::StaticCounter) |
/// | `Gauge` | [`StaticGauge`](crate::StaticGauge) |
/// | `ApproxCounter`, batch 32, or `ApproxCounter = batch` | [`StaticApproxCounter`](crate::StaticApproxCounter) |
/// | `Budget = limit` | [`StaticBudget`](crate::StaticBudget) |
/// | `CounterSet<T>` | [`StaticCounterSet<T>`](crate::StaticCounterSet) |
/// | `Max`, `Max<u64>`, `Max<i64>` | [`StaticMax`](crate::StaticMax) |
/// | `Min`, `Min<u64>`, `Min<i64>` | [`StaticMin`](crate::StaticMin) |
///
/// ```
/// use percpu_counter::counter;
/// counter! {
///     /// Requests served.
///     pub static REQUESTS: Counter;
///     static OPEN: Gauge;
/// }
/// REQUESTS.add(2);
/// OPEN.dec();
/// assert_eq!((REQUESTS.sum(), OPEN.sum()), (2, -1));
/// ```
/// Another type is told what there is:
/// ```compile_fail
/// percpu_counter::counter! { static REQUESTS: Timer; }
/// ```
#[macro_export]
macro_rules! counter {
    ($(
        $(#[$meta:meta])*
        $vis:vis static $NAME:ident: $Kind:ident $(<$T:ty>)? $(= $value:expr)?;
    )*) => {$(
        $(#[$meta])*
        $vis static $NAME: $crate::__static_type!($Kind $(<$T>)?) =
            $crate::__static_value!($Kind $(<$T>)? $(= $value)?);
    )*};
}

/// The type of a static.
#[doc(hidden)]
#[macro_export]
macro_rules! __static_type {
    (Counter) => { $crate::StaticCounter };
    (Gauge) => { $crate::StaticGauge };
    (ApproxCounter) => { $crate::StaticApproxCounter };
    (Budget) => { $crate::StaticBudget };
    (CounterSet<$T:ty>) => { $crate::StaticCounterSet<$T> };
    (Max $(<$V:ty>)?) => { $crate::StaticMax $(<$V>)? };
    (Min $(<$V:ty>)?) => { $crate::StaticMin $(<$V>)? };
    ($($other:tt)*) => { $crate::__no_such_static!($($other)*) };
}

/// Its value, a constant expression.
#[doc(hidden)]
#[macro_export]
macro_rules! __static_value {
    (Counter) => {
        $crate::StaticCounter::__from_static(
            $crate::__static_copies!($crate::__core::atomic::AtomicU64),
            $crate::__static_base!(u64, 0),
        )
    };
    (Gauge) => {
        $crate::StaticGauge::__from_static(
            $crate::__static_copies!($crate::__core::atomic::AtomicI64),
            $crate::__static_base!(i64, 0),
        )
    };
    (ApproxCounter) => { $crate::__static_value!(ApproxCounter = 32) };
    (ApproxCounter = $batch:expr) => {
        $crate::StaticApproxCounter::__from_static(
            $crate::__static_copies!($crate::__core::atomic::AtomicU64),
            $crate::__static_base!((), ()),
            $batch,
        )
    };
    (Budget = $limit:expr) => {
        $crate::StaticBudget::__from_static(
            $crate::__static_copies!($crate::__core::atomic::AtomicU64),
            $crate::__static_base!((), ()),
            $limit,
        )
    };
    (CounterSet<$T:ty>) => {
        $crate::StaticCounterSet::__from_static($crate::__static_copies!(
            $crate::__core::LocalLock<$T>,
            $crate::__core::LocalLock::new(<$T as $crate::CounterFields>::ZERO)
        ))
    };
    (Max $(<$V:ty>)?) => {
        $crate::StaticMax::__from_static($crate::__static_ranks!())
    };
    (Min $(<$V:ty>)?) => {
        $crate::StaticMin::__from_static($crate::__static_ranks!())
    };
    ($($other:tt)*) => { $crate::__no_such_static!($($other)*) };
}

/// A `&'static StaticPerCpu<T>`.
#[doc(hidden)]
#[macro_export]
macro_rules! __static_copies {
    ($Word:ty) => {
        $crate::__static_copies!($Word, <$Word>::new(0))
    };
    ($T:ty, $initial:expr) => {{
        $crate::__core::percpu! { static COPIES: $T = $initial; }
        &COPIES
    }};
}

/// The copies of a `Max` or `Min`.
#[doc(hidden)]
#[macro_export]
macro_rules! __static_ranks {
    () => {
        $crate::__static_copies!(
            [$crate::__core::atomic::AtomicU64; 2],
            [$crate::__core::atomic::AtomicU64::new(0), $crate::__core::atomic::AtomicU64::new(0)]
        )
    };
}

/// The base of a static, at first `$initial`.
#[doc(hidden)]
#[macro_export]
#[cfg(not(percpu_loom))]
macro_rules! __static_base {
    ($V:ty, $initial:expr) => {
        $crate::__Base::<$V>::new($initial)
    };
}

/// The same on loom's pretend machine.
#[doc(hidden)]
#[macro_export]
#[cfg(percpu_loom)]
macro_rules! __static_base {
    ($V:ty, $initial:expr) => {{
        use $crate::__core::model::loom;
        fn base() -> &'static loom::sync::Mutex<$V> {
            loom::lazy_static! {
                static ref BASE: loom::sync::Mutex<$V> = loom::sync::Mutex::new($initial);
            }
            &BASE
        }
        $crate::__Base::of_static(base)
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __no_such_static {
    ($($other:tt)*) => {
        compile_error!(concat!(
            "counter! declares no static `",
            stringify!($($other)*),
            "`: its documentation lists the kinds and what may follow them"
        ))
    };
}

/// Declares structs whose fields are all `u64` counters, for
/// [`CounterSet`](crate::CounterSet).
///
/// Fields are as visible as the struct. Each struct is `Copy`, `Debug`, `Default`,
/// `Eq` and [`CounterFields`](crate::CounterFields).
///
/// ```
/// use percpu_counter::{counter, counter_set};
///
/// counter_set! {
///     /// What a connection did.
///     pub struct Traffic {
///         /// Packets that came.
///         packets,
///         /// Bytes in them.
///         bytes,
///     }
/// }
/// counter! { static TRAFFIC: CounterSet<Traffic>; }
///
/// TRAFFIC.with(|t| { t.packets += 1; t.bytes += 64; });
/// assert_eq!(TRAFFIC.snapshot()?.total(), Traffic { packets: 1, bytes: 64 });
/// # Ok::<(), percpu_counter::Error>(())
/// ```
#[macro_export]
macro_rules! counter_set {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident { $($(#[$about:meta])* $field:ident),+ $(,)? }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $Name { $($(#[$about])* $vis $field: u64),+ }

        impl $crate::CounterFields for $Name {
            const ZERO: Self = Self { $($field: 0),+ };

            fn plus(self, other: Self) -> Self {
                Self { $($field: self.$field.wrapping_add(other.$field)),+ }
            }

            fn fields(self) -> impl ::core::iter::Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),+].into_iter()
            }
        }
    )*};
}
