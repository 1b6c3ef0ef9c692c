//! [`Buckets`] and [`Quantiles`]: a snapshot from its least value to its greatest.

use std::iter::{Enumerate, FusedIterator, Peekable};
use std::slice;

use super::shape::Shape;
use super::snapshot::Snapshot;

/// A bucket that counted something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The lowest value that it stands for.
    pub lowest: u64,
    /// The highest value that it stands for.
    pub highest: u64,
    /// How many values it counted.
    pub count: u64,
    /// How many values it and those below counted.
    pub up_to: u64,
}

impl Bucket {
    /// The value in the middle; the greater one of two.
    pub fn middle(&self) -> u64 {
        self.lowest + (self.highest - self.lowest).div_ceil(2)
    }
}

/// The buckets of a [`Snapshot`] that counted something, upwards.
#[derive(Clone, Debug)]
pub struct Buckets<'a> {
    shape: Shape,
    counts: Enumerate<slice::Iter<'a, u64>>,
    up_to: u64,
}

impl Iterator for Buckets<'_> {
    type Item = Bucket;

    fn next(&mut self) -> Option<Bucket> {
        let (index, &count) = self.counts.find(|(_, count)| **count > 0)?;
        self.up_to = self.up_to.saturating_add(count);
        let (lowest, highest) = self.shape.values(index).into_inner();
        Some(Bucket { lowest, highest, count, up_to: self.up_to })
    }
}

impl FusedIterator for Buckets<'_> {}

/// A step of [`Quantiles`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The share that was asked for, from 0 to 1.
    pub q: f64,
    /// The value that this share does not exceed.
    pub value: u64,
    /// How many values do not exceed it.
    pub up_to: u64,
}

/// Quantiles of a [`Snapshot`], closer to each other the nearer they are to 1.
#[derive(Clone, Debug)]
pub struct Quantiles<'a> {
    buckets: Peekable<Buckets<'a>>,
    current: Option<Bucket>,
    len: u64,
    ticks: f64,
    /// The next share; `None` after 1.
    next: Option<f64>,
}

impl Iterator for Quantiles<'_> {
    type Item = Quantile;

    fn next(&mut self) -> Option<Quantile> {
        let q = self.next?;
        let mut bucket = self.current?;
        while (bucket.up_to as f64 / self.len as f64) < q {
            let Some(higher) = self.buckets.next() else { break };
            bucket = higher;
        }
        self.current = Some(bucket);
        self.next = if q >= 1.0 {
            None
        } else if self.buckets.peek().is_none() {
            // All steps that are left are in the last bucket: the end is enough.
            Some(1.0)
        } else {
            // In integers: a logarithm may be off by a bit. At most 2^53, as q is below 1.
            let halvings = ((1.0 / (1.0 - q)) as u64).ilog2();
            let step = q + 1.0 / (self.ticks * (2_u64 << halvings) as f64);
            // Steps too small for the numbers that there are.
            Some(if step > q { step.min(1.0) } else { 1.0 })
        };
        Some(Quantile { q, value: bucket.highest, up_to: bucket.up_to })
    }
}

impl FusedIterator for Quantiles<'_> {}

/// # Iterators
impl Snapshot {
    /// The buckets that counted something, upwards.
    ///
    /// ```
    /// # use percpu_counter::histogram::{Shape, Snapshot};
    /// let mut seen = Snapshot::empty(Shape::new(1, 1_000, 1)?);
    /// seen.record_n(5, 2)?;
    /// seen.record_n(1_000, 1)?;
    /// let rows: Vec<_> = seen.buckets().map(|b| (b.lowest, b.highest, b.count)).collect();
    /// assert_eq!(rows, [(5, 5, 2), (992, 1023, 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "iter_recorded")]
    pub fn buckets(&self) -> Buckets<'_> {
        Buckets { shape: self.shape, counts: self.counts.iter().enumerate(), up_to: 0 }
    }

    /// Quantiles from 0 to 1, `ticks` of them (at least 1) before each halving of what
    /// is left to 1: what plots of latencies by percentile are made of.
    ///
    /// ```
    /// # use percpu_counter::histogram::{Shape, Snapshot};
    /// let mut seen = Snapshot::empty(Shape::new(1, 1_000, 2)?);
    /// (1..=8).try_for_each(|value| seen.record_n(value, 1))?;
    /// let steps: Vec<_> = seen.quantiles(2).map(|step| (step.q, step.value)).collect();
    /// assert_eq!(steps, [(0.0, 1), (0.25, 2), (0.5, 4), (0.625, 5), (0.75, 6), (0.8125, 7),
    ///     (0.875, 7), (0.90625, 8), (1.0, 8)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "iter_quantiles")]
    pub fn quantiles(&self, ticks: u32) -> Quantiles<'_> {
        let mut buckets = self.buckets().peekable();
        let current = buckets.next();
        let ticks = f64::from(ticks.max(1));
        Quantiles { buckets, current, len: self.len, ticks, next: Some(0.0) }
    }
}
