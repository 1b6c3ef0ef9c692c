//! For the crate `metrics`: a recorder on per-CPU storage.
//!
//! ```
//! use metrics::{counter, describe_counter, gauge, histogram};
//! use percpu_counter::metrics::Recorder;
//!
//! let recorder = Recorder::builder().install()?;
//! describe_counter!("requests", "Requests served");
//!
//! let requests = counter!("requests", "method" => "GET");
//! requests.increment(1);
//! gauge!("open").set(3.0);
//! histogram!("seconds").record(0.25);
//!
//! let text = recorder.snapshot().to_string();
//! assert!(text.contains("# HELP requests Requests served\n"));
//! assert!(text.contains("requests{method=\"GET\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! The macros look a metric up each time that they run: a lock for readers, a hash and a
//! reference count, which all CPUs share. A handle that is kept, as `requests` above,
//! counts on this CPU's copy alone.

mod distribution;
mod exposition;
mod recorder;
mod scale;
#[cfg(feature = "serde")]
mod serial;
mod snapshot;

pub use distribution::Distribution;
pub use recorder::{Builder, Recorder};
pub use scale::{Scale, ScaleError};
pub use snapshot::{Metric, Snapshot, Value};

pub use super::float::PerCpuF64;
pub use super::integer::PerCpuU64;
