//! [`Counter`]: exact, monotonic, with an exact read-and-reset.

use std::fmt;

use percpu_core::atomic::{AtomicU64, Ordering};
use percpu_core::{Error, PerCpu, StaticPerCpu, Unit};

use crate::base::Base;
use crate::rebased::Rebased;
use crate::storage::Storage;

/// An exact counter: [`add`](Self::add) costs a plain add on this CPU's copy,
/// [`sum`](Self::sum) adds the copies of the units in use up.
///
/// Counts modulo 2^64. There is no `Default`: memory may be refused. A static, by
/// [`counter!`](macro@crate::counter), is infallible.
///
/// # Memory
/// 8 bytes in each unit: of each possible CPU, and of threads without restartable
/// sequences. What the allocator keeps for itself is 0.6 byte a counter, however
/// many units there are: measured 2.4 percent more with two CPUs. The value itself
/// is a handle of 48 bytes. Of a static there is nothing else.
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
    value: Rebased<u64, S>,
}

/// A [`Counter`] declared with [`counter!`](macro@crate::counter).
pub type StaticCounter = Counter<&'static StaticPerCpu<AtomicU64>>;

impl Counter {
    /// A counter at zero.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    #[doc(alias = "percpu_counter_init")]
    pub fn new() -> Result<Self, Error> {
        Ok(Self { value: Rebased::new(PerCpu::zeroed()?, Base::new(0)) })
    }
}

impl StaticCounter {
    /// A counter over a static word that is used for nothing else.
    #[doc(hidden)]
    pub const fn __from_static(words: &'static StaticPerCpu<AtomicU64>, base: Base<u64>) -> Self {
        Self { value: Rebased::new(words, base) }
    }
}

/// # Panics
/// Each, on the first use of a static, if the system refuses memory.
#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<S: Storage<Item = AtomicU64>> Counter<S> {
    /// Adds `n`.
    ///
    /// # Performance
    /// `percpu_core`'s add: no lock, no lock prefix, no system call, two to
    /// three plain adds to thread-local memory.
    #[doc(alias = "percpu_counter_add")]
    #[inline]
    pub fn add(&self, n: u64) {
        self.value.words().add(n);
    }

    /// Adds one; cheaper than [`add`](Self::add).
    #[doc(alias = "percpu_counter_inc")]
    #[inline]
    pub fn inc(&self) {
        self.value.words().inc();
    }

    /// What was added since the start or the last [`take`](Self::take).
    ///
    /// Exact for additions that returned before; those still running are
    /// counted or not. Between takes it never goes down.
    ///
    /// # Performance
    /// One load a unit in use, and a lock that only `sum` and `take` use.
    #[doc(alias = "percpu_counter_sum")]
    pub fn sum(&self) -> u64 {
        self.value.sum()
    }

    /// Reads and resets: every addition is returned by exactly one `take`.
    ///
    /// # Performance
    /// As [`sum`](Self::sum).
    pub fn take(&self) -> u64 {
        self.value.take()
    }

    /// What was added on each unit in use since the start: who does the work.
    ///
    /// [`take`](Self::take) does not change it, and it wraps on each unit by itself.
    ///
    /// ```
    /// let c = percpu_counter::Counter::new()?;
    /// c.add(3);
    /// assert_eq!(c.take(), 3);
    /// assert_eq!(c.per_unit().map(|(_, n)| n).sum::<u64>(), 3);
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    pub fn per_unit(&self) -> impl Iterator<Item = (Unit, u64)> {
        // Relaxed: a number by itself, as `sum` reads it.
        self.value.storage().in_use().map(|(unit, word)| (unit, word.load(Ordering::Relaxed)))
    }
}

#[allow(private_bounds, reason = "as above")]
impl<S: Storage<Item = AtomicU64>> fmt::Debug for Counter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.sum()).finish()
    }
}

/// The sum.
#[allow(private_bounds, reason = "as above")]
impl<S: Storage<Item = AtomicU64>> fmt::Display for Counter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum().fmt(f)
    }
}
