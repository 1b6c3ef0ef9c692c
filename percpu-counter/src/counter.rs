//! [`Counter`]: exact, monotonic, with an exact read-and-reset.
//!
//! # Take without touching the copies
//! A remote swap of a copy would race with its CPU's plain adds and lose some.
//! So copies only ever grow, and `take` moves a base instead:
//!
//! ```text
//!   value = raw sum of the copies - base          (both wrapping)
//!   take:  lock;  s = raw sum;  result = s - base;  base = s;  unlock
//!   sum:   lock;  result = raw sum - base;                     unlock
//! ```
//! An add is in the raw sum that saw it and in every later one, so it is taken
//! once: by the first `take` whose raw sum saw it.

use std::fmt;
use std::ops::Deref;

use percpu_core::__private::mutated;
use percpu_core::atomic::AtomicU64;
use percpu_core::{Copies, Error, PerCpu, StaticPerCpu};

use crate::base::Base;

/// An exact counter: [`add`](Self::add) costs a plain add on this CPU's copy,
/// [`sum`](Self::sum) adds the copies of the units in use up.
///
/// 8 bytes a CPU. Counts modulo 2^64.
///
/// ```
/// let c = percpu_counter::Counter::new()?;
/// std::thread::scope(|s| {
///     for _ in 0..4 {
///         s.spawn(|| (0..1_000).for_each(|_| c.inc()));
///     }
/// });
/// assert_eq!(c.sum(), 4_000);
/// # Ok::<(), percpu_counter::Error>(())
/// ```
#[doc(alias = "percpu_counter")]
pub struct Counter<S = PerCpu<AtomicU64>> {
    words: S,
    /// What the raw sum was at the last `take`.
    base: Base,
}

/// A [`Counter`] declared with [`counter!`](macro@crate::counter).
pub type StaticCounter = Counter<&'static StaticPerCpu<AtomicU64>>;

impl Counter {
    /// A counter at zero.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { words: PerCpu::zeroed()?, base: Base::nothing() })
    }
}

impl StaticCounter {
    /// A counter over a static word that is used for nothing else.
    #[doc(hidden)]
    pub const fn __from_static(words: &'static StaticPerCpu<AtomicU64>, base: Base) -> Self {
        Self { words, base }
    }
}

/// The copies behind either kind of storage.
trait Words {
    fn words(&self) -> &Copies<AtomicU64>;
}

impl Words for PerCpu<AtomicU64> {
    #[inline(always)]
    fn words(&self) -> &Copies<AtomicU64> {
        self
    }
}

impl Words for &'static StaticPerCpu<AtomicU64> {
    #[inline(always)]
    fn words(&self) -> &Copies<AtomicU64> {
        (*self).deref()
    }
}

#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<S: Words> Counter<S> {
    /// Adds `n`.
    ///
    /// # Performance
    /// `percpu_core`'s add: no lock, no lock prefix, no system call, two to
    /// three plain adds to thread-local memory.
    #[inline]
    pub fn add(&self, n: u64) {
        self.words.words().add(n);
    }

    /// Adds one; cheaper than [`add`](Self::add).
    #[inline]
    pub fn inc(&self) {
        self.words.words().inc();
    }

    /// What was added since the start or the last [`take`](Self::take).
    ///
    /// Exact for additions that returned before; those still running are
    /// counted or not. Between takes it never goes down.
    ///
    /// # Performance
    /// One load a unit, and a lock that only `sum` and `take` use.
    #[doc(alias = "percpu_counter_sum")]
    pub fn sum(&self) -> u64 {
        let base = self.base.lock();
        self.words.words().sum().wrapping_sub(*base)
    }

    /// Reads and resets: every addition is returned by exactly one `take`.
    ///
    /// # Performance
    /// As [`sum`](Self::sum).
    pub fn take(&self) -> u64 {
        let mut base = self.base.lock();
        let raw = self.words.words().sum();
        let taken = raw.wrapping_sub(*base);
        *base = if mutated("take_sums_twice") { self.words.words().sum() } else { raw };
        taken
    }
}

impl<S: Words> fmt::Debug for Counter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.sum()).finish()
    }
}

impl<S: Words> fmt::Display for Counter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum().fmt(f)
    }
}

/// Declares counters: `[pub] static NAME: Counter;`.
///
/// Each is a [`StaticCounter`]: infallible and lazy, with its copies among the
/// static per-CPU variables.
///
/// ```
/// use percpu_counter::{Counter, counter};
/// counter! {
///     /// Requests served.
///     pub static REQUESTS: Counter;
///     static ERRORS: Counter;
/// }
/// REQUESTS.add(2);
/// assert_eq!((REQUESTS.sum(), ERRORS.sum()), (2, 0));
/// ```
#[macro_export]
macro_rules! counter {
    ($($(#[$meta:meta])* $vis:vis static $NAME:ident: Counter;)*) => {$(
        $(#[$meta])*
        $vis static $NAME: $crate::StaticCounter = {
            $crate::__core::percpu! {
                static WORDS: $crate::__core::atomic::AtomicU64 =
                    $crate::__core::atomic::AtomicU64::new(0);
            }
            $crate::StaticCounter::__from_static(&WORDS, $crate::__static_base!())
        };
    )*};
}
