//! What a [`Snapshot`] can tell: quantiles, mean, counts of a range.

use std::fmt;

use super::snapshot::Snapshot;

/// # Questions
///
/// Each answer is HdrHistogram's for the same data and parameters. Of an empty
/// snapshot every value is 0.
impl Snapshot {
    /// The least value: the lowest one of its bucket.
    pub fn min(&self) -> u64 {
        let first = self.counts.iter().position(|count| *count > 0);
        first.map_or(0, |index| *self.shape.values(index).start())
    }

    /// The greatest value: the highest one of its bucket.
    pub fn max(&self) -> u64 {
        let last = self.counts.iter().rposition(|count| *count > 0);
        last.map_or(0, |index| *self.shape.values(index).end())
    }

    /// The mean, with the middle of its bucket for each value.
    pub fn mean(&self) -> f64 {
        let sum: f64 = self.weights().map(|(middle, count)| middle * count).sum();
        self.per_value(sum)
    }

    /// The standard deviation, with the middle of its bucket for each value.
    pub fn stdev(&self) -> f64 {
        let mean = self.mean();
        let squares = self.weights().map(|(middle, count)| (middle - mean).powi(2) * count);
        self.per_value(squares.sum()).sqrt()
    }

    fn weights(&self) -> impl Iterator<Item = (f64, f64)> {
        self.buckets().map(|bucket| (bucket.middle() as f64, bucket.count as f64))
    }

    fn per_value(&self, sum: f64) -> f64 {
        if self.is_empty() { 0.0 } else { sum / self.len as f64 }
    }

    /// The value that a share `q` of all, from 0 to 1, does not exceed. At 0 it is
    /// [`min`](Self::min), as for anything below and for what is no number, and from 1
    /// on [`max`](Self::max).
    pub fn value_at_quantile(&self, q: f64) -> u64 {
        if self.is_empty() || q.is_nan() || q <= 0.0 {
            return self.min();
        }
        let wanted = ((q.min(1.0) * self.len as f64).ceil() as u64).clamp(1, self.len);
        self.buckets().find(|bucket| bucket.up_to >= wanted).map_or(0, |bucket| bucket.highest)
    }

    /// [`value_at_quantile`](Self::value_at_quantile), from 0 to 100.
    pub fn value_at_percentile(&self, p: f64) -> u64 {
        self.value_at_quantile(p / 100.0)
    }

    /// The share of values in the bucket of `value` or below, from 0 to 1; 1 if there are
    /// none at all.
    pub fn quantile_below(&self, value: u64) -> f64 {
        if self.is_empty() {
            return 1.0;
        }
        self.count_between(0, value) as f64 / self.len as f64
    }

    /// How many values are in the bucket of `value`.
    pub fn count_at(&self, value: u64) -> u64 {
        self.counts.get(self.shape.index(value)).copied().unwrap_or(0)
    }

    /// How many values are in the bucket of `low`, in that of `high`, or in between.
    pub fn count_between(&self, low: u64, high: u64) -> u64 {
        let end = (self.shape.index(high) + 1).min(self.counts.len());
        let start = self.shape.index(low).min(end);
        self.counts[start..end].iter().fold(0, |sum: u64, count| sum.saturating_add(*count))
    }
}

/// One line: how many, the least, some quantiles, the greatest, the mean.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.len)?;
        if self.is_empty() {
            return Ok(());
        }
        write!(f, ": min {}", self.min())?;
        for p in [50.0, 90.0, 99.0, 99.9] {
            write!(f, ", p{p} {}", self.value_at_percentile(p))?;
        }
        write!(f, ", max {}, mean {:.1}", self.max(), self.mean())
    }
}
