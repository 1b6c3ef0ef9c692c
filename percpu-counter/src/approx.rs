//! [`ApproxCounter`]: read with one load, for little.

use std::cmp::Ordering;
use std::fmt;

use percpu_core::__raw::Switch;
use percpu_core::atomic::{AtomicI64, AtomicU32, AtomicU64};
use percpu_core::{Error, PerCpu, StaticPerCpu, Unit};

use crate::base::Base;
use crate::delta::{Own, Parts};

/// The kernel's default: twice as many as CPUs, at least 32.
pub(crate) fn default_batch() -> Result<u32, Error> {
    let cpus = Unit::all()?.len() as u32 - 1;
    Ok((2 * cpus).max(32))
}

/// A counter whose value may be read with one load, a little wrong.
///
/// Each CPU keeps what it adds to itself until that reaches the *batch*; only then
/// it is told to the one shared count that [`read`](Self::read) loads. So
/// `|read - sum| <= error_bound()`, at every instant. [`sum`](Self::sum) is exact.
///
/// For a value that is looked at about as often as it changes: free space, pages
/// in use. Who only counts takes [`Counter`](crate::Counter), who must keep to a limit
/// [`Budget`](crate::Budget).
///
/// ```
/// use percpu_counter::ApproxCounter;
/// let blocks = ApproxCounter::with_batch(32)?;
/// (0..31).for_each(|_| blocks.add(1));
/// assert!((blocks.read() - 31).unsigned_abs() <= blocks.error_bound());
/// assert_eq!(blocks.sum(), 31);
/// blocks.set(1_000_000);
/// assert!(blocks.compare(5_000).is_gt());   // one load: far enough
/// # Ok::<(), percpu_counter::Error>(())
/// ```
#[doc(alias = "percpu_counter")]
pub struct ApproxCounter<P = Own<PerCpu<AtomicU64>>> {
    pub(crate) parts: P,
    pub(crate) batch: u32,
}

/// An [`ApproxCounter`] declared with [`counter!`](macro@crate::counter).
pub type StaticApproxCounter = ApproxCounter<Own<&'static StaticPerCpu<AtomicU64>>>;

impl ApproxCounter {
    /// A counter at zero, with the kernel's batch: twice as many as possible CPUs, at
    /// least 32.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    #[doc(alias = "percpu_counter_init")]
    #[doc(alias = "percpu_counter_batch")]
    pub fn new() -> Result<Self, Error> {
        Self::with_batch(default_batch()?)
    }

    /// A counter at zero whose CPUs tell it when they have `batch` together; 0 and 1
    /// both: each time.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_batch(batch: u32) -> Result<Self, Error> {
        let (words, count) = (PerCpu::zeroed()?, AtomicI64::new(0));
        let largest = AtomicU32::new(batch);
        let parts = Own { words, count, largest, switch: Switch::new(), lock: Base::new(()) };
        Ok(Self { parts, batch })
    }
}

#[cfg(not(percpu_loom))]
impl StaticApproxCounter {
    /// A counter over a static word that is used for nothing else.
    #[doc(hidden)]
    pub const fn __from_static(
        words: &'static StaticPerCpu<AtomicU64>,
        lock: Base<()>,
        batch: u32,
    ) -> Self {
        let (count, largest) = (AtomicI64::new(0), AtomicU32::new(batch));
        Self { parts: Own { words, count, largest, switch: Switch::new(), lock }, batch }
    }
}

/// Amounts and sums are meant to stay far from the ends of an `i64`; they wrap.
///
/// # Panics
/// Each, on the first use of a static, if the system refuses memory.
#[allow(private_bounds, reason = "by itself or among many: the crate's own")]
impl<P: Parts> ApproxCounter<P> {
    /// Adds `n`, which may be negative.
    ///
    /// # Performance
    /// A section on this CPU's word; once a batch a lock.
    #[doc(alias = "percpu_counter_add")]
    #[doc(alias = "percpu_counter_sub")]
    #[inline]
    pub fn add(&self, n: i64) {
        self.parts.delta().add(n, self.batch);
    }

    /// Adds one.
    #[doc(alias = "percpu_counter_inc")]
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Subtracts one.
    #[doc(alias = "percpu_counter_dec")]
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// As [`add`](Self::add), with another batch: the error bound is that of the
    /// largest one used.
    #[doc(alias = "percpu_counter_add_batch")]
    #[inline]
    pub fn add_with_batch(&self, n: i64, batch: u32) {
        self.parts.delta().add_with_batch(n, batch);
    }

    /// Adds `n` to this CPU's word, and tells the count only if that would get too
    /// large: for a value that is read by [`sum`](Self::sum) alone, as no bound holds
    /// for [`read`](Self::read) then.
    #[doc(alias = "percpu_counter_add_local")]
    #[doc(alias = "percpu_counter_sub_local")]
    #[inline]
    pub fn add_local(&self, n: i64) {
        self.parts.delta().add_with_batch(n, i32::MAX as u32);
    }

    /// The count: what CPUs have not told yet is missing.
    ///
    /// # Performance
    /// One load.
    #[doc(alias = "percpu_counter_read")]
    #[inline]
    pub fn read(&self) -> i64 {
        self.parts.delta().read()
    }

    /// As [`read`](Self::read), but not below zero: for what cannot be negative.
    #[doc(alias = "percpu_counter_read_positive")]
    #[inline]
    pub fn read_positive(&self) -> i64 {
        self.read().max(0)
    }

    /// How far [`read`](Self::read) may be from the exact value: the largest batch used for each
    /// possible CPU; and if the process has threads without restartable sequences,
    /// less than one batch more.
    pub fn error_bound(&self) -> u64 {
        let cpus = Unit::all().map_or(0, |units| units.len() as u64 - 1);
        u64::from(self.parts.delta().largest()) * cpus
    }

    /// The exact value: of additions that returned before, and of each that still
    /// runs or not.
    ///
    /// # Performance
    /// One load a unit in use, and the lock.
    #[doc(alias = "percpu_counter_sum")]
    pub fn sum(&self) -> i64 {
        self.parts.delta().sum()
    }

    /// As [`sum`](Self::sum), but not below zero.
    #[doc(alias = "percpu_counter_sum_positive")]
    pub fn sum_positive(&self) -> i64 {
        self.sum().max(0)
    }

    /// Makes `value` the exact value. Each addition that runs meanwhile counts on
    /// top, or not at all.
    ///
    /// # Performance
    /// As [`sum`](Self::sum).
    #[doc(alias = "percpu_counter_set")]
    pub fn set(&self, value: i64) {
        self.parts.delta().set(value);
    }

    /// Tells the count what this CPU has not told yet.
    ///
    /// # Performance
    /// The lock.
    #[doc(alias = "percpu_counter_sync")]
    pub fn sync(&self) {
        self.parts.delta().fold(0);
    }

    /// Tells the count what `unit` has not told yet, from anywhere: that of a CPU
    /// that went away, for one. See [`hotplug`](percpu_core::hotplug).
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; nothing was done.
    ///
    /// # Performance
    /// A fence.
    #[doc(alias = "percpu_counter_cpu_dead")]
    pub fn fold_on(&self, unit: Unit) -> Result<(), Error> {
        self.parts.delta().fold_on(unit)
    }

    /// Compares the exact value with `other`.
    ///
    /// # Performance
    /// One load if the count alone decides, as it does far from `other`; else as
    /// [`sum`](Self::sum).
    #[doc(alias = "percpu_counter_compare")]
    pub fn compare(&self, other: i64) -> Ordering {
        let count = self.read();
        if count.abs_diff(other) > self.unknown() as u64 {
            return count.cmp(&other);
        }
        self.sum().cmp(&other)
    }

    /// Adds `n` if the exact value stays within `limit`: not above it if `n` is
    /// positive, not below it if `n` is negative. Whether it did; nothing is always
    /// added.
    ///
    /// Of additions made this way alone none ever exceeds the limit.
    ///
    /// # Performance
    /// The lock; near the limit as [`sum`](Self::sum). [`Budget`](crate::Budget)
    /// does without, for one limit that is the counter's own.
    #[doc(alias = "percpu_counter_limited_add")]
    pub fn add_limited(&self, limit: i64, n: i64) -> bool {
        self.parts.delta().add_limited(limit, n, self.unknown())
    }

    /// How much all units together may not have told: with the shared one.
    fn unknown(&self) -> i64 {
        let largest = self.parts.delta().largest();
        self.error_bound().saturating_add(largest.into()).min(i64::MAX as u64) as i64
    }
}

#[allow(private_bounds, reason = "as above")]
impl<P: Parts> fmt::Debug for ApproxCounter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApproxCounter")
            .field("sum", &self.sum())
            .field("read", &self.read())
            .field("batch", &self.batch)
            .finish()
    }
}

/// The exact value.
#[allow(private_bounds, reason = "as above")]
impl<P: Parts> fmt::Display for ApproxCounter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum().fmt(f)
    }
}

#[cfg(all(test, not(percpu_loom)))]
mod tests {
    use super::*;

    /// Far away the lock is not taken: it is held here.
    #[test]
    fn far_comparisons_take_no_lock() {
        let counter = ApproxCounter::with_batch(32).unwrap();
        counter.set(1_000_000);
        std::thread::scope(|s| {
            let held = counter.parts.lock.lock();
            let far = s.spawn(|| (counter.compare(0), counter.compare(2_000_000)));
            assert_eq!(far.join().unwrap(), (Ordering::Greater, Ordering::Less));
            let near = s.spawn(|| counter.compare(1_000_001));
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(!near.is_finished(), "near by it waits for the lock");
            drop(held);
            assert_eq!(near.join().unwrap(), Ordering::Less);
        });
        counter.inc();
        assert_eq!(counter.compare(1_000_001), Ordering::Equal);
    }
}
