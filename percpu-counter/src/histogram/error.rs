//! What can go wrong with histograms, and what to do about it.

use std::fmt;

use percpu_core::Error;

use super::shape::Shape;
use super::shape_error::ShapeError;

/// Why a [`Histogram`](super::Histogram) could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The builder was given no range.
    NoRange,
    /// The builder was not told how many digits.
    NoDigits,
    /// There is no such shape.
    Shape(ShapeError),
    /// The buckets take more than a CPU may have in one allocation.
    TooLarge {
        /// Bytes a CPU that the buckets take.
        bytes: usize,
        /// Bytes a CPU allowed; raise `percpu_core::Config::minimum_unit` for more.
        max: usize,
        /// The most digits that fit with this range.
        digits: Option<u8>,
        /// The highest value that fits with these digits.
        high: Option<u64>,
    },
    /// What the per-CPU memory said.
    Memory(Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRange => f.write_str("a histogram needs a range"),
            Self::NoDigits => f.write_str("a histogram needs a number of digits"),
            Self::Shape(error) => error.fmt(f),
            Self::TooLarge { bytes, max, digits, high } => {
                write!(
                    f,
                    "the histogram would take {bytes} bytes a CPU, more than {max}; what fits: "
                )?;
                if let Some(digits) = digits {
                    write!(f, "digits {digits} with this range, ")?;
                }
                if let Some(high) = high {
                    write!(f, "a range up to {high} with these digits, ")?;
                }
                f.write_str("or more by Config::minimum_unit before first use")
            }
            Self::Memory(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Shape(error) => Some(error),
            Self::Memory(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ShapeError> for BuildError {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

impl From<Error> for BuildError {
    fn from(error: Error) -> Self {
        Self::Memory(error)
    }
}

/// A value that has no bucket; nothing was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The value.
    pub value: u64,
    /// The highest value that has a bucket.
    pub limit: u64,
}

impl OutOfRange {
    /// Out of line: recording is not to carry it.
    #[cold]
    #[inline(never)]
    pub(super) fn new(shape: &Shape, value: u64) -> Self {
        Self { value, limit: shape.limit() }
    }
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is above {}, the highest value with a bucket", self.value, self.limit)
    }
}

impl std::error::Error for OutOfRange {}

/// Why two snapshots do not go together, or counts make none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// They are of histograms of different shapes.
    Shapes {
        /// The shape of the one.
        ours: Shape,
        /// The shape of the other.
        theirs: Shape,
    },
    /// The one that should be earlier counted more than the later one.
    NotEarlier {
        /// The first value of the first bucket where that is so.
        value: u64,
    },
    /// As many counts as there are buckets were needed.
    Counts {
        /// How many counts there were.
        counts: usize,
        /// How many buckets the shape has.
        buckets: usize,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shapes { ours, theirs } => {
                write!(f, "histograms of different shapes: {ours} and {theirs}")
            }
            Self::NotEarlier { value } => {
                write!(f, "not an earlier snapshot: it counted more from {value} on")
            }
            Self::Counts { counts, buckets } => write!(f, "{counts} counts for {buckets} buckets"),
        }
    }
}

impl std::error::Error for SnapshotError {}
