//! For the crate `prometheus`: its counters and gauges, on per-CPU
//! storage.
//!
//! The aliases here take the places of the crate's own of the same names; registries,
//! encoders, labels and handles stay its own.
//!
//! ```
//! use percpu_counter::prometheus::{IntCounter, IntGaugeVec};
//! use prometheus::{Encoder, Opts, Registry, TextEncoder};
//!
//! let requests = IntCounter::new("requests_total", "Requests served")?;
//! let open = IntGaugeVec::new(Opts::new("open", "Connections"), &["port"])?;
//! let registry = Registry::new();
//! registry.register(Box::new(requests.clone()))?;
//! registry.register(Box::new(open.clone()))?;
//!
//! requests.inc();
//! open.with_label_values(&["443"]).add(2);
//! let text = TextEncoder::new().encode_to_string(&registry.gather())?;
//! assert!(text.contains("requests_total 1\n") && text.contains("open{port=\"443\"} 2\n"));
//! # Ok::<(), prometheus::Error>(())
//! ```
//! What the crate does beside the addition it still does: a vector's lookup takes its
//! lock and hashes the labels, so keep the handle that it returns.
//!
//! | alias | instead of | adds |
//! | --- | --- | --- |
//! | [`IntCounter`], [`IntCounterVec`] | the same | one section |
//! | [`IntGauge`], [`IntGaugeVec`] | the same | one section |
//! | [`Counter`], [`CounterVec`] | the same | two words' section; rounds as [`PerCpuF64`] says |
//! | [`Gauge`], [`GaugeVec`] | the same | two words' section; rounds as [`PerCpuF64`] says |
//!
//! `get`, and so a scrape, adds up the units in use; `set` and `reset` take a lock. A
//! gauge that is mostly `set` gains nothing here. While a gauge goes up on one CPU and
//! down on another, a scrape may have seen one without the other.

use ::prometheus::core::{
    Atomic, GenericCounter, GenericCounterVec, GenericGauge, GenericGaugeVec,
};

pub use super::float::PerCpuF64;
pub use super::integer::{PerCpuI64, PerCpuU64};

/// `prometheus::IntCounter` on per-CPU storage.
pub type IntCounter = GenericCounter<PerCpuU64>;
/// `prometheus::IntCounterVec` on per-CPU storage.
pub type IntCounterVec = GenericCounterVec<PerCpuU64>;
/// `prometheus::Counter` on per-CPU storage.
pub type Counter = GenericCounter<PerCpuF64>;
/// `prometheus::CounterVec` on per-CPU storage.
pub type CounterVec = GenericCounterVec<PerCpuF64>;
/// `prometheus::IntGauge` on per-CPU storage.
pub type IntGauge = GenericGauge<PerCpuI64>;
/// `prometheus::IntGaugeVec` on per-CPU storage.
pub type IntGaugeVec = GenericGaugeVec<PerCpuI64>;
/// `prometheus::Gauge` on per-CPU storage.
pub type Gauge = GenericGauge<PerCpuF64>;
/// `prometheus::GaugeVec` on per-CPU storage.
pub type GaugeVec = GenericGaugeVec<PerCpuF64>;

macro_rules! atomic {
    ($($Type:ident, $value:ty;)*) => {$(
        impl Atomic for $Type {
            type T = $value;

            fn new(value: $value) -> Self {
                Self::new(value)
            }

            #[inline]
            fn set(&self, value: $value) {
                self.set(value);
            }

            #[inline]
            fn get(&self) -> $value {
                self.get()
            }

            #[inline]
            fn inc_by(&self, delta: $value) {
                self.add(delta);
            }

            #[inline]
            fn dec_by(&self, delta: $value) {
                self.sub(delta);
            }
        }
    )*};
}

atomic! {
    PerCpuU64, u64;
    PerCpuI64, i64;
    PerCpuF64, f64;
}
