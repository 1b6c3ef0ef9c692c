//! [`Scale`]: how floating-point values go into a histogram of integers.

use std::fmt;

use crate::histogram::{Shape, ShapeError};

/// Which values a histogram tells apart: from the least difference that matters to the
/// greatest value, with so many decimal digits.
///
/// A value is counted as the nearest multiple of `low`; one above `high` as `high`, one
/// below 0 as 0. What is no number is not counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    shape: Shape,
}

/// Why there is no such [`Scale`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScaleError {
    /// `low` must be above zero, and `high` finite and not below `low`.
    Range {
        /// The least difference asked for.
        low: f64,
        /// The greatest value asked for.
        high: f64,
    },
    /// What a histogram of integers has against it, in multiples of `low`.
    Shape(ShapeError),
}

impl Scale {
    /// Values from `low` to `high`, told apart by `digits` decimal digits.
    ///
    /// # Errors
    /// [`ScaleError::Range`] if there are no such values, [`ScaleError::Shape`] if there
    /// are too many, or digits.
    ///
    /// ```
    /// use percpu_counter::metrics::Scale;
    /// // Seconds: microseconds to an hour.
    /// let scale = Scale::new(1e-6, 3_600.0, 2)?;
    /// # Ok::<(), percpu_counter::metrics::ScaleError>(())
    /// ```
    pub fn new(low: f64, high: f64, digits: u8) -> Result<Self, ScaleError> {
        // False for what is no number, too.
        if !(low > 0.0 && low <= high && (high / low).is_finite()) {
            return Err(ScaleError::Range { low, high });
        }
        // A float above the integers becomes the greatest of them.
        let high = (high / low).ceil() as u64;
        Ok(Self { low, shape: Shape::new(1, high, digits).map_err(ScaleError::Shape)? })
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// As a multiple of `low`.
    #[inline]
    pub(super) fn pack(&self, value: f64) -> u64 {
        // Saturates: 0 for what is below, the greatest integer for what is above.
        (value / self.low).round() as u64
    }

    pub(super) fn unpack(&self, multiple: u64) -> f64 {
        multiple as f64 * self.low
    }
}

/// One digit, from a millionth to a million millions: seconds as well as bytes.
impl Default for Scale {
    fn default() -> Self {
        Self::new(1e-6, 1e12, 1).expect("a range that fits")
    }
}

impl fmt::Display for ScaleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { low, high } => write!(f, "no values from {low} to {high}"),
            Self::Shape(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ScaleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Range { .. } => None,
            Self::Shape(error) => Some(error),
        }
    }
}
