//! Metrics crates, by features: their types on per-CPU storage.
//!
//! `integer` and `float` hold what all of them count in: numbers that cannot fail. On
//! loom's pretend machine there are only the floats, whose protocol is their own.

mod float;
#[cfg(not(percpu_loom))]
mod integer;
mod or_shared;

#[cfg(all(feature = "metrics", not(percpu_loom)))]
pub mod metrics;
#[cfg(all(feature = "prometheus", not(percpu_loom)))]
pub mod prometheus;
#[cfg(all(feature = "prometheus-client", not(percpu_loom)))]
pub mod prometheus_client;

#[cfg(percpu_loom)]
pub use float::PerCpuF64;
