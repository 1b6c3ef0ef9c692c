//! [`Gauge`]: exact, up and down, and may be set.

use std::fmt;

use percpu_core::atomic::AtomicI64;
use percpu_core::{Error, PerCpu, StaticPerCpu};

use crate::base::Base;
use crate::rebased::Rebased;
use crate::storage::Storage;

/// An exact value that goes up and down: what is in flight, open, queued. Costs a
/// plain add on this CPU's copy; may go up on one CPU and down on another.
///
/// Wraps at 64 bits, signed; memory and `Default` as for
/// [`Counter`](crate::Counter).
///
/// ```
/// let open = percpu_counter::Gauge::new()?;
/// open.add(3);
/// std::thread::scope(|s| { s.spawn(|| open.dec()); });
/// assert_eq!(open.sum(), 2);
/// open.set(-5);
/// open.inc();
/// assert_eq!(open.sum(), -4);
/// # Ok::<(), percpu_counter::Error>(())
/// ```
#[doc(alias = "percpu_counter")]
pub struct Gauge<S = PerCpu<AtomicI64>> {
    value: Rebased<i64, S>,
}

/// A [`Gauge`] declared with [`counter!`](macro@crate::counter).
pub type StaticGauge = Gauge<&'static StaticPerCpu<AtomicI64>>;

impl Gauge {
    /// A gauge at zero.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    #[doc(alias = "percpu_counter_init")]
    pub fn new() -> Result<Self, Error> {
        Ok(Self { value: Rebased::new(PerCpu::zeroed()?, Base::new(0)) })
    }
}

impl StaticGauge {
    /// A gauge over a static word that is used for nothing else.
    #[doc(hidden)]
    pub const fn __from_static(words: &'static StaticPerCpu<AtomicI64>, base: Base<i64>) -> Self {
        Self { value: Rebased::new(words, base) }
    }
}

/// # Panics
/// Each, on the first use of a static, if the system refuses memory.
#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<S: Storage<Item = AtomicI64>> Gauge<S> {
    /// Adds `n`.
    ///
    /// # Performance
    /// As [`Counter::add`](crate::Counter::add).
    #[doc(alias = "percpu_counter_add")]
    #[inline]
    pub fn add(&self, n: i64) {
        self.value.words().add(n);
    }

    /// Subtracts `n`, at the cost of [`add`](Self::add).
    #[doc(alias = "percpu_counter_sub")]
    #[inline]
    pub fn sub(&self, n: i64) {
        self.value.words().sub(n);
    }

    /// Adds one; cheaper than [`add`](Self::add).
    #[doc(alias = "percpu_counter_inc")]
    #[inline]
    pub fn inc(&self) {
        self.value.words().inc();
    }

    /// Subtracts one, at the cost of [`inc`](Self::inc).
    #[doc(alias = "percpu_counter_dec")]
    #[inline]
    pub fn dec(&self) {
        self.value.words().dec();
    }

    /// The value.
    ///
    /// Exact for changes that returned before; each of those still running is
    /// counted or not. So while something goes up on one CPU and down on another,
    /// a sum may have seen the way down alone, and be negative for a moment.
    ///
    /// # Performance
    /// One load a unit in use, and a lock that only `sum` and `set` use.
    #[doc(alias = "percpu_counter_sum")]
    pub fn sum(&self) -> i64 {
        self.value.sum()
    }

    /// Makes `value` the value.
    ///
    /// Each change that returned before is overwritten, each that starts later
    /// counts on top; one that runs meanwhile does one of both, by itself. Nothing
    /// is written to another CPU's copy, so no change is ever lost half-way.
    ///
    /// # Performance
    /// As [`sum`](Self::sum).
    #[doc(alias = "percpu_counter_set")]
    pub fn set(&self, value: i64) {
        self.value.set(value);
    }
}

#[allow(private_bounds, reason = "as above")]
impl<S: Storage<Item = AtomicI64>> fmt::Debug for Gauge<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gauge").field(&self.sum()).finish()
    }
}

/// The value.
#[allow(private_bounds, reason = "as above")]
impl<S: Storage<Item = AtomicI64>> fmt::Display for Gauge<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum().fmt(f)
    }
}
