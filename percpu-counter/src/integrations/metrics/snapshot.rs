//! [`Snapshot`]: all metrics of a recorder and their values.

use std::{slice, vec};

use ::metrics::{Key, SharedString, Unit};

use super::distribution::Distribution;

/// All metrics of a [`Recorder`](super::Recorder), as they were: sorted by kind, name
/// and labels.
///
/// Each value is of its own moment. `Display` writes the text format of Prometheus.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    metrics: Vec<Metric>,
    /// What the text tells of histograms.
    pub(super) quantiles: Vec<f64>,
}

/// A metric and its value.
#[derive(Clone, Debug)]
pub struct Metric {
    pub(super) key: Key,
    pub(super) unit: Option<Unit>,
    pub(super) description: Option<SharedString>,
    pub(super) value: Value,
}

/// What a metric was.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter.
    Counter(u64),
    /// Of a gauge.
    Gauge(f64),
    /// Of a histogram.
    Histogram(Distribution),
}

impl Value {
    /// What it is a value of, as Prometheus names it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(_) => "summary",
        }
    }
}

impl Metric {
    /// Its name and labels.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its unit, if it was described with one.
    pub fn unit(&self) -> Option<Unit> {
        self.unit
    }

    /// What it was described as.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// What it was.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl Snapshot {
    pub(super) fn new(mut metrics: Vec<Metric>, quantiles: Vec<f64>) -> Self {
        metrics.sort_by(|a, b| (a.value.kind(), &a.key).cmp(&(b.value.kind(), &b.key)));
        Self { metrics, quantiles }
    }

    /// The metrics.
    pub fn iter(&self) -> slice::Iter<'_, Metric> {
        self.metrics.iter()
    }

    /// How many metrics.
    pub fn len(&self) -> usize {
        self.metrics.len()
    }

    /// Whether nothing was registered.
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }
}

impl<'a> IntoIterator for &'a Snapshot {
    type Item = &'a Metric;
    type IntoIter = slice::Iter<'a, Metric>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Snapshot {
    type Item = Metric;
    type IntoIter = vec::IntoIter<Metric>;

    fn into_iter(self) -> Self::IntoIter {
        self.metrics.into_iter()
    }
}
