//! A snapshot as data: a list of metrics.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::distribution::Distribution;
use super::snapshot::{Metric, Snapshot, Value};

/// As a list of metrics: name, labels, kind, value, and unit and description if it has
/// them. A histogram's value is what [`Distribution`] tells.
impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            name: &'a str,
            labels: BTreeMap<&'a str, &'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            unit: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            #[serde(flatten)]
            value: &'a Value,
        }
        let labels = self.key.labels().map(|label| (label.key(), label.value()));
        let fields = Fields {
            name: self.key.name(),
            labels: labels.collect(),
            unit: self.unit.as_ref().map(::metrics::Unit::as_str),
            description: self.description(),
            value: &self.value,
        };
        fields.serialize(serializer)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "kind", content = "value", rename_all = "lowercase")]
        enum Kinds<'a> {
            Counter(u64),
            Gauge(f64),
            Histogram(&'a Distribution),
        }
        let kind = match self {
            Self::Counter(value) => Kinds::Counter(*value),
            Self::Gauge(value) => Kinds::Gauge(*value),
            Self::Histogram(seen) => Kinds::Histogram(seen),
        };
        kind.serialize(serializer)
    }
}

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields {
            count: u64,
            sum: f64,
            min: f64,
            p50: f64,
            p90: f64,
            p99: f64,
            p999: f64,
            max: f64,
        }
        let fields = Fields {
            count: self.count(),
            sum: self.sum(),
            min: self.min(),
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            p999: self.quantile(0.999),
            max: self.max(),
        };
        fields.serialize(serializer)
    }
}
