//! [`Footprint`]: the memory of a histogram.

use std::fmt;

use percpu_core::{Error, info};

use super::shape::Shape;

/// The per-CPU memory that a histogram takes.
///
/// Address space: the system backs a page of it when a CPU first records into one of
/// its buckets, so values that lie close together cost less. The first
/// [`take`](super::Histogram::take) allocates one row more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    per_cpu: usize,
    copies: usize,
}

impl Footprint {
    /// The memory that a histogram of this shape would take here.
    pub(super) fn of(shape: Shape) -> Result<Self, Error> {
        Ok(Self { per_cpu: shape.row_bytes(), copies: info()?.units() })
    }

    /// Bytes on each CPU: a row of buckets.
    pub fn per_cpu(self) -> usize {
        self.per_cpu
    }

    /// Bytes in all: a row for each possible CPU and one for threads without
    /// restartable sequences.
    pub fn total(self) -> usize {
        self.per_cpu * self.copies
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_cpu, copies } = self;
        write!(f, "{per_cpu} bytes a CPU, {} in {copies} copies", self.total())
    }
}
