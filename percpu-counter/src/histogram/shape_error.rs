//! [`ShapeError`]: why there is no such shape.

use std::fmt;

/// Why there is no such [`Shape`](super::Shape).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// The lowest discernible value is 0.
    LowIsZero,
    /// The highest value is not at least twice the lowest.
    HighBelowTwiceLow {
        /// The lowest discernible value asked for.
        low: u64,
        /// The highest value asked for.
        high: u64,
    },
    /// More than 5 digits.
    Digits {
        /// The digits asked for.
        digits: u8,
    },
    /// So many digits of so high a lowest value are more than 63 bits.
    TooFine {
        /// The lowest discernible value asked for.
        low: u64,
        /// The digits asked for.
        digits: u8,
    },
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LowIsZero => {
                f.write_str("the lowest value that a histogram tells apart is at least 1")
            }
            Self::HighBelowTwiceLow { low, high } => {
                write!(f, "a histogram from {low} needs a highest value of twice that, not {high}")
            }
            Self::Digits { digits } => write!(f, "a histogram has 0 to 5 digits, not {digits}"),
            Self::TooFine { low, digits } => {
                write!(f, "{digits} digits of a lowest value of {low} need more than 63 bits")
            }
        }
    }
}

impl std::error::Error for ShapeError {}
