//! What a recorder's histograms record in, and [`Distribution`]: what they recorded.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use ::metrics::HistogramFn;

use super::super::float::PerCpuF64;
use super::scale::Scale;
use crate::histogram::Histogram;
use crate::histogram::Snapshot;

/// Behind a handle of `metrics`.
#[derive(Debug)]
pub(super) struct Recording {
    scale: Scale,
    counts: Counts,
    sum: PerCpuF64,
}

/// `metrics` makes histograms by a function that cannot fail; memory can be refused.
#[derive(Debug)]
enum Counts {
    PerCpu(Histogram),
    Shared(Mutex<Snapshot>),
}

impl Recording {
    pub(super) fn new(scale: Scale) -> Self {
        let counts = match Histogram::new(scale.shape()) {
            Ok(histogram) => Counts::PerCpu(histogram),
            Err(_) => Counts::Shared(Mutex::new(Snapshot::empty(scale.shape()))),
        };
        Self { scale, counts, sum: PerCpuF64::default() }
    }

    /// The sum may have a value more or less than the counts, if some are being recorded.
    pub(super) fn snapshot(&self) -> Distribution {
        let counts = match &self.counts {
            Counts::PerCpu(histogram) => histogram.snapshot(),
            Counts::Shared(counts) => counts.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        Distribution { scale: self.scale, counts, sum: self.sum.get() }
    }
}

impl HistogramFn for Recording {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        if value.is_nan() || count == 0 {
            return;
        }
        let (packed, n) = (self.scale.pack(value), count as u64);
        match &self.counts {
            Counts::PerCpu(histogram) => histogram.saturating_record_n(packed, n),
            Counts::Shared(counts) => {
                let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                counts.saturating_record_n(packed, n);
            }
        }
        self.sum.add(value * n as f64);
    }
}

/// What a histogram recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    scale: Scale,
    counts: Snapshot,
    sum: f64,
}

impl Distribution {
    /// How many values.
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// Their sum: not from the buckets, but rounded as [`PerCpuF64`] says.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The value that a share `q` of all, from 0 to 1, does not exceed, as exact as the
    /// [`Scale`]; 0 if there are none.
    pub fn quantile(&self, q: f64) -> f64 {
        self.scale.unpack(self.counts.value_at_quantile(q))
    }

    /// The least value, as exact as the [`Scale`].
    pub fn min(&self) -> f64 {
        self.scale.unpack(self.counts.min())
    }

    /// The greatest value, as exact as the [`Scale`].
    pub fn max(&self) -> f64 {
        self.scale.unpack(self.counts.max())
    }

    /// The buckets, in multiples of the scale's least difference.
    pub fn counts(&self) -> &Snapshot {
        &self.counts
    }
}

/// Count, least and greatest value, some quantiles, and the mean.
impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count() == 0 {
            return f.write_str("no values");
        }
        write!(f, "{} values: min {}", self.count(), self.min())?;
        for q in [0.5, 0.9, 0.99, 0.999] {
            write!(f, ", p{} {}", q * 100.0, self.quantile(q))?;
        }
        write!(f, ", max {}, mean {}", self.max(), self.sum / self.count() as f64)
    }
}
