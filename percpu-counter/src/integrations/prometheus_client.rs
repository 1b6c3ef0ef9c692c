//! For the crate `prometheus-client`: metrics for its registry.
//!
//! [`Counter`] and [`Gauge`] are handles as the crate's own are: cheap to clone, and
//! made by `Default`, as a [`Family`] wants them.
//!
//! ```
//! use percpu_counter::prometheus_client::{Counter, Gauge};
//! use prometheus_client::{encoding::text::encode, metrics::family::Family, registry::Registry};
//!
//! let requests = Family::<[(&str, &str); 1], Counter>::default();
//! let open = <Gauge>::default();
//! let mut registry = Registry::default();
//! registry.register("requests", "Requests served", requests.clone());
//! registry.register("open", "Connections", open.clone());
//!
//! requests.get_or_create(&[("method", "GET")]).inc();
//! open.inc_by(2);
//! let mut text = String::new();
//! encode(&mut text, &registry)?;
//! assert!(text.contains("requests_total{method=\"GET\"} 1\n") && text.contains("open 2\n"));
//! # Ok::<(), std::fmt::Error>(())
//! ```
//!
//! [`crate::Counter`] and [`crate::Gauge`] are metrics themselves, owned by the registry,
//! or by reference, as statics are:
//!
//! ```
//! use percpu_counter::counter;
//! use prometheus_client::{encoding::text::encode, registry::Registry};
//!
//! counter! { static REQUESTS: Counter; }
//!
//! let mut registry = Registry::default();
//! registry.register("requests", "Requests served", &REQUESTS);
//! REQUESTS.inc();
//! let mut text = String::new();
//! encode(&mut text, &registry)?;
//! assert!(text.contains("requests_total 1\n"));
//! # Ok::<(), std::fmt::Error>(())
//! ```
//! A `Family` of these is made by `Family::new_with_constructor`, with what to do if
//! per-CPU memory is refused. A [`CounterSet`] is a `Collector`: a counter a field, all of
//! one look at each CPU.
//!
//! An operation returns nothing where the crate's own returns the old value, which is
//! known nowhere. To create a label set, and to look one up, costs what it costs there.
//!
//! [`Family`]: ::prometheus_client::metrics::family::Family

use std::fmt;
use std::sync::Arc;

use ::prometheus_client::collector::Collector;
use ::prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder,
    NoLabelSet,
};
use ::prometheus_client::metrics::{MetricType, TypedMetric};
use percpu_core::LocalLock;
use percpu_core::atomic::{AtomicI64, AtomicU64};

pub use super::float::PerCpuF64;
pub use super::integer::{PerCpuI64, PerCpuU64};
use crate::fields::CounterFields;
use crate::set::CounterSet;
use crate::storage::Storage;

/// A counter that a registry and those who count share. `Counter<PerCpuF64>` counts in
/// floating point.
#[derive(Debug, Default)]
pub struct Counter<N = PerCpuU64>(Arc<N>);

/// A gauge that a registry and those who measure share. `Gauge<PerCpuF64>` is a
/// floating-point number.
#[derive(Debug, Default)]
pub struct Gauge<N = PerCpuI64>(Arc<N>);

/// What a [`Counter`] or a [`Gauge`] counts in; the three types here.
pub trait Number: fmt::Display + sealed::Operations<Self::Value> {
    /// The number.
    type Value;
}

mod sealed {
    pub trait Operations<V> {
        const ONE: V;
        fn add(&self, n: V);
        fn sub(&self, n: V);
        fn set(&self, value: V);
        fn get(&self) -> V;
    }
}

macro_rules! number {
    ($($Type:ident, $value:ty, $one:expr;)*) => {$(
        impl Number for $Type {
            type Value = $value;
        }

        impl sealed::Operations<$value> for $Type {
            const ONE: $value = $one;

            #[inline]
            fn add(&self, n: $value) {
                self.add(n);
            }

            #[inline]
            fn sub(&self, n: $value) {
                self.sub(n);
            }

            fn set(&self, value: $value) {
                self.set(value);
            }

            fn get(&self) -> $value {
                self.get()
            }
        }
    )*};
}

number! {
    PerCpuU64, u64, 1;
    PerCpuI64, i64, 1;
    PerCpuF64, f64, 1.0;
}

impl<N: Number> Counter<N> {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.0.add(N::ONE);
    }

    /// Adds `n`, which is not to be negative.
    #[inline]
    pub fn inc_by(&self, n: N::Value) {
        self.0.add(n);
    }

    /// The value.
    pub fn get(&self) -> N::Value {
        self.0.get()
    }
}

impl<N: Number> Gauge<N> {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.0.add(N::ONE);
    }

    /// Adds `n`.
    #[inline]
    pub fn inc_by(&self, n: N::Value) {
        self.0.add(n);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.0.sub(N::ONE);
    }

    /// Subtracts `n`.
    #[inline]
    pub fn dec_by(&self, n: N::Value) {
        self.0.sub(n);
    }

    /// Replaces the value; takes a lock.
    pub fn set(&self, value: N::Value) {
        self.0.set(value);
    }

    /// The value.
    pub fn get(&self) -> N::Value {
        self.0.get()
    }
}

/// The same number.
impl<N> Clone for Counter<N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The same number.
impl<N> Clone for Gauge<N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<N: fmt::Display> fmt::Display for Counter<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<N: fmt::Display> fmt::Display for Gauge<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn encode_counter(value: impl EncodeCounterValue, mut encoder: MetricEncoder<'_>) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

macro_rules! metric {
    ($(($($generics:tt)*) $Type:ty, $kind:ident, |$self:ident, $encoder:ident| $encode:expr;)*) => {$(
        #[allow(private_bounds, reason = "the kinds of storage are the crate's own")]
        impl<$($generics)*> TypedMetric for $Type {
            const TYPE: MetricType = MetricType::$kind;
        }

        #[allow(private_bounds, reason = "the kinds of storage are the crate's own")]
        impl<$($generics)*> EncodeMetric for $Type {
            #[allow(unused_mut, reason = "one encoder is passed on")]
            fn encode(&$self, mut $encoder: MetricEncoder<'_>) -> fmt::Result {
                $encode
            }

            fn metric_type(&self) -> MetricType {
                Self::TYPE
            }
        }
    )*};
}

metric! {
    (N: Number<Value: EncodeCounterValue>) Counter<N>, Counter,
        |self, encoder| encode_counter(self.get(), encoder);
    (N: Number<Value: EncodeGaugeValue>) Gauge<N>, Gauge,
        |self, encoder| encoder.encode_gauge(&self.get());
    (S: Storage<Item = AtomicU64>) crate::counter::Counter<S>, Counter,
        |self, encoder| encode_counter(self.sum(), encoder);
    (S: Storage<Item = AtomicU64>) &crate::counter::Counter<S>, Counter,
        |self, encoder| encode_counter(self.sum(), encoder);
    (S: Storage<Item = AtomicI64>) crate::gauge::Gauge<S>, Gauge,
        |self, encoder| encoder.encode_gauge(&self.sum());
    (S: Storage<Item = AtomicI64>) &crate::gauge::Gauge<S>, Gauge,
        |self, encoder| encoder.encode_gauge(&self.sum());
}

/// A counter for each field, under the field's name: for a registry with a prefix.
///
/// # Errors
/// The scrape fails if the system refuses the fence that looking at a set needs; see
/// [`CounterSet::snapshot`].
#[allow(private_bounds, reason = "the kinds of storage are the crate's own")]
impl<T: CounterFields, S> Collector for &'static CounterSet<T, S>
where
    S: Storage<Item = LocalLock<T>> + Send + Sync,
{
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode_set(self, encoder)
    }
}

/// As for a static.
impl<T: CounterFields> Collector for CounterSet<T> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode_set(self, encoder)
    }
}

fn encode_set<T, S>(set: &CounterSet<T, S>, mut encoder: DescriptorEncoder<'_>) -> fmt::Result
where
    T: CounterFields,
    S: Storage<Item = LocalLock<T>>,
{
    let totals = set.snapshot().map_err(|_| fmt::Error)?;
    for (name, total) in totals.iter() {
        encode_counter(total, encoder.encode_descriptor(name, name, None, MetricType::Counter)?)?;
    }
    Ok(())
}
