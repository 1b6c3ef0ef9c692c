//! [`Snapshot`]: counts as plain numbers, put together and taken apart.

use std::fmt;

use super::error::{OutOfRange, SnapshotError};
use super::shape::Shape;

/// What a histogram counted: plain numbers, owned.
///
/// From [`Histogram::snapshot`](super::Histogram::snapshot); or filled by hand, as a
/// histogram of one thread.
///
/// ```
/// use percpu_counter::histogram::{Shape, Snapshot};
/// let mut seen = Snapshot::empty(Shape::new(1, 10_000, 2)?);
/// for value in 1..=1_000 {
///     seen.record_n(value, 1)?;
/// }
/// assert_eq!((seen.len(), seen.min(), seen.max()), (1_000, 1, 1_003));
/// assert_eq!(seen.value_at_quantile(0.5), 501);
/// assert_eq!(
///     seen.to_string(),
///     "1000 values: min 1, p50 501, p90 903, p99 991, p99.9 1003, max 1003, mean 500.9"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Values are told as the highest that shares their bucket, the least one as the
/// lowest. Counts that do not fit into 64 bits stay at the greatest number.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub(super) shape: Shape,
    /// INVARIANT: one for each bucket.
    pub(super) counts: Vec<u64>,
    /// INVARIANT: the sum of the counts, or the greatest number.
    pub(super) len: u64,
}

impl Snapshot {
    /// Nothing counted.
    pub fn empty(shape: Shape) -> Self {
        Self { shape, counts: vec![0; shape.buckets()], len: 0 }
    }

    /// The counts of all buckets of `shape`, in order.
    ///
    /// # Errors
    /// [`SnapshotError::Counts`] if there are more or fewer than buckets.
    pub fn from_counts(shape: Shape, counts: Vec<u64>) -> Result<Self, SnapshotError> {
        if counts.len() != shape.buckets() {
            let (counts, buckets) = (counts.len(), shape.buckets());
            return Err(SnapshotError::Counts { counts, buckets });
        }
        Ok(Self::new(shape, counts))
    }

    /// `counts` has one for each bucket.
    pub(super) fn new(shape: Shape, counts: Vec<u64>) -> Self {
        debug_assert_eq!(counts.len(), shape.buckets());
        let len = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        Self { shape, counts, len }
    }

    /// Counts a value `n` times.
    ///
    /// # Errors
    /// [`OutOfRange`] above [`Shape::limit`]; nothing is counted then.
    #[inline]
    pub fn record_n(&mut self, value: u64, n: u64) -> Result<(), OutOfRange> {
        match self.counts.get_mut(self.shape.index(value)) {
            Some(count) => {
                *count = count.saturating_add(n);
                self.len = self.len.saturating_add(n);
                Ok(())
            }
            None => Err(OutOfRange::new(&self.shape, value)),
        }
    }

    /// As [`record_n`](Self::record_n), with [`Shape::high`] in the place of a value
    /// that has no bucket.
    #[inline]
    pub fn saturating_record_n(&mut self, value: u64, n: u64) {
        if self.record_n(value, n).is_err() {
            let recorded = self.record_n(self.shape.high(), n);
            debug_assert!(recorded.is_ok(), "the highest value has a bucket");
        }
    }

    /// Adds what another one counted, of another process or an earlier interval.
    ///
    /// # Errors
    /// [`SnapshotError::Shapes`] unless the shapes are equal.
    pub fn merge(&mut self, other: &Self) -> Result<(), SnapshotError> {
        self.same_shape(other)?;
        for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *ours = ours.saturating_add(*theirs);
        }
        self.len = self.len.saturating_add(other.len);
        Ok(())
    }

    /// What was counted after `earlier`, a snapshot of the same histogram with no
    /// [`take`](super::Histogram::take) in between.
    ///
    /// ```
    /// let sizes = percpu_counter::Histogram::builder().range(1, 4096).digits(1).build()?;
    /// sizes.record_n(100, 7)?;
    /// let earlier = sizes.snapshot();
    /// sizes.record_n(4000, 2)?;
    /// let interval = sizes.snapshot().since(&earlier)?;
    /// assert_eq!((interval.len(), interval.min()), (2, 3968));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SnapshotError::Shapes`] unless the shapes are equal,
    /// [`SnapshotError::NotEarlier`] if it counted more in some bucket.
    pub fn since(&self, earlier: &Self) -> Result<Self, SnapshotError> {
        self.same_shape(earlier)?;
        let difference = |(index, (later, earlier)): (usize, (&u64, &u64))| {
            let value = *self.shape.values(index).start();
            later.checked_sub(*earlier).ok_or(SnapshotError::NotEarlier { value })
        };
        let both = self.counts.iter().zip(&earlier.counts).enumerate();
        let counts = both.map(difference).collect::<Result<_, _>>()?;
        Ok(Self::new(self.shape, counts))
    }

    fn same_shape(&self, other: &Self) -> Result<(), SnapshotError> {
        let (ours, theirs) = (self.shape, other.shape);
        if ours == theirs { Ok(()) } else { Err(SnapshotError::Shapes { ours, theirs }) }
    }

    /// How many values were counted.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Range and precision.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The counts of all buckets, in order; [`Shape::values_of`] says which values
    /// each stands for.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("shape", &format_args!("{}", self.shape))
            .field("seen", &format_args!("{self}"))
            .finish_non_exhaustive()
    }
}
