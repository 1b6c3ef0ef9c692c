//! [`Histogram`]: recording on this CPU, reading all of them.
//!
//! One word a bucket and nothing beside: a value is in a snapshot or it is not, and a
//! snapshot's length, least and greatest value follow from its counts. Copies only
//! ever grow; `take` moves a base, as `Counter` does, for each bucket.
//!
//! Words of 64 bits: one of 32 would be full within a minute where a CPU does nothing
//! but record values of one bucket.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use percpu_core::atomic::AtomicU64;
use percpu_core::{Error, PerCpuSlice};

use super::error::{BuildError, OutOfRange};
use super::footprint::Footprint;
use super::shape::Shape;
use super::snapshot::Snapshot;

/// Counts values in log-linear buckets, a row of them on every CPU: recording touches
/// this CPU's row only.
///
/// [`snapshot`](Self::snapshot) adds the rows up and answers questions: quantiles,
/// mean, counts. The buckets are those of HdrHistogram with the same parameters, and so
/// are the answers.
///
/// ```
/// use percpu_counter::Histogram;
/// use std::time::Instant;
///
/// let latency = Histogram::builder().range(1, 60_000_000_000).digits(2).build()?;
/// for _ in 0..100 {
///     let start = Instant::now();
///     std::hint::black_box(17);
///     latency.saturating_record(start.elapsed().as_nanos() as u64);
/// }
/// let seen = latency.snapshot();
/// println!("{seen}");
/// assert_eq!(seen.len(), 100);
/// assert!(seen.value_at_quantile(0.99) <= seen.max());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A static is made at its first use:
///
/// ```
/// use percpu_counter::Histogram;
/// use std::sync::LazyLock;
///
/// static LATENCY: LazyLock<Histogram> = LazyLock::new(|| {
///     let builder = Histogram::builder().range(1, 60_000_000_000).digits(2);
///     builder.build().expect("30 KiB a CPU")
/// });
/// LATENCY.saturating_record(1_234);
/// ```
///
/// # Precision
/// What is told exceeds what was recorded by less than
/// [`Shape::relative_error`] of it, or by less than the lowest discernible value.
/// Counts are modulo 2^64.
///
/// # Memory
/// 8 bytes a bucket and CPU, see [`Shape`] and [`footprint`](Self::footprint).
///
/// # Signal handlers
/// What records may be called in one, in the cases in which
/// [`percpu_core::signal_safety`] allows operations on a prepared word; in a `LazyLock`,
/// once that was used outside of one.
pub struct Histogram {
    shape: Shape,
    rows: PerCpuSlice<AtomicU64>,
    /// The raw sum of each bucket at the last `take`; nothing before the first.
    base: Mutex<Vec<u64>>,
}

impl Histogram {
    /// An empty histogram.
    ///
    /// # Errors
    /// [`BuildError::TooLarge`] if a row is more than 32 KiB (unless
    /// `percpu_core::Config::minimum_unit` says more), [`BuildError::Memory`] if the
    /// system refuses per-CPU memory.
    pub fn new(shape: Shape) -> Result<Self, BuildError> {
        let rows = PerCpuSlice::zeroed(shape.buckets()).map_err(|error| match error {
            Error::TooLarge { size, max } => BuildError::TooLarge {
                bytes: size,
                max,
                digits: shape.digits_within(max),
                high: shape.high_within(max),
            },
            error => BuildError::Memory(error),
        })?;
        Ok(Self { shape, rows, base: Mutex::new(Vec::new()) })
    }

    /// Counts a value.
    ///
    /// # Errors
    /// [`OutOfRange`] above [`Shape::limit`]; nothing is counted then.
    ///
    /// # Performance
    /// Ten instructions for the bucket, one branch, and `percpu_core`'s increment: no
    /// lock, no lock prefix, no system call, no allocation.
    #[inline]
    pub fn record(&self, value: u64) -> Result<(), OutOfRange> {
        match self.rows.get(self.shape.index(value)) {
            Some(bucket) => {
                bucket.inc();
                Ok(())
            }
            None => Err(OutOfRange::new(&self.shape, value)),
        }
    }

    /// Counts a value `n` times.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    #[inline]
    pub fn record_n(&self, value: u64, n: u64) -> Result<(), OutOfRange> {
        match self.rows.get(self.shape.index(value)) {
            Some(bucket) => {
                bucket.add(n);
                Ok(())
            }
            None => Err(OutOfRange::new(&self.shape, value)),
        }
    }

    /// Counts a value, or [`Shape::high`] in the place of one that has no bucket.
    #[inline]
    pub fn saturating_record(&self, value: u64) {
        if self.record(value).is_err() {
            self.record_high(1);
        }
    }

    /// As [`saturating_record`](Self::saturating_record), `n` times.
    #[inline]
    pub fn saturating_record_n(&self, value: u64, n: u64) {
        if self.record_n(value, n).is_err() {
            self.record_high(n);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_high(&self, n: u64) {
        self.rows.at(self.shape.index(self.shape.high())).add(n);
    }

    /// What was recorded since the start or the last [`take`](Self::take).
    ///
    /// Exact for recordings that returned before; of those still running each is in it
    /// or not. For what came within an interval, keep the snapshot at its start and ask
    /// for [`Snapshot::since`].
    ///
    /// # Performance
    /// One load for each bucket and CPU in use, and a lock that only readers use.
    pub fn snapshot(&self) -> Snapshot {
        let base = self.lock();
        let raw = self.raw();
        Snapshot::new(self.shape, above(raw, &base))
    }

    /// Reads and resets: every recording is in exactly one `take`.
    ///
    /// # Performance
    /// As [`snapshot`](Self::snapshot).
    pub fn take(&self) -> Snapshot {
        let mut base = self.lock();
        let raw = self.raw();
        let taken = above(raw.clone(), &base);
        *base = raw;
        Snapshot::new(self.shape, taken)
    }

    /// Range and precision.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The memory that it takes.
    pub fn footprint(&self) -> Footprint {
        Footprint::of(self.shape).expect("the rows are there, so memory was set up")
    }

    /// Whatever a panic interrupted, the base is replaced as a whole.
    fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn raw(&self) -> Vec<u64> {
        self.rows.sums().collect()
    }
}

fn above(mut raw: Vec<u64>, base: &[u64]) -> Vec<u64> {
    for (count, base) in raw.iter_mut().zip(base) {
        *count = count.wrapping_sub(*base);
    }
    raw
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("shape", &format_args!("{}", self.shape))
            .field("seen", &format_args!("{}", self.snapshot()))
            .finish()
    }
}

/// As [`Snapshot`]'s.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}
