//! Histograms on per-CPU words: values in log-linear buckets.
//!
//! ```text
//!   Histogram   CPU 0  | 0 | 4 | 1 | ..     record: this CPU's row, one increment
//!               CPU 1  | 2 | 0 | 7 | ..
//!               shared | 0 | 0 | 0 | ..     threads without restartable sequences
//!                 sum    2   4   8  ..      snapshot, less what was taken before
//!                           |
//!   Snapshot    quantiles, mean, counts; merge, since
//! ```
//!
//! [`Shape`] says which values share a bucket; [`Builder`] makes a [`Histogram`];
//! [`Snapshot`] is what it counted, as plain numbers.

mod builder;
mod error;
mod footprint;
#[cfg(feature = "hdrhistogram")]
mod hdr;
mod iter;
mod record;
#[cfg(feature = "serde")]
mod serial;
mod shape;
mod shape_error;
mod snapshot;
mod summary;

pub use builder::Builder;
pub use error::{BuildError, OutOfRange, SnapshotError};
pub use footprint::Footprint;
pub use iter::{Bucket, Buckets, Quantile, Quantiles};
pub use record::Histogram;
pub use shape::Shape;
pub use shape_error::ShapeError;
pub use snapshot::Snapshot;
