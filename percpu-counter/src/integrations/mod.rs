//! Metrics crates, by features: their types on per-CPU storage.
//!
//! `integer` and `float` hold what all of them count in: numbers that cannot fail.

mod float;
mod integer;
mod or_shared;

#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "prometheus-client")]
pub mod prometheus_client;
