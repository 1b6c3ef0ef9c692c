//! [`LimitExceeded`]: why a budget refused.

use std::fmt;

/// A budget has not enough left for a request.
///
/// Right at one instant between call and return: then no more than
/// [`available`](Self::available) was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LimitExceeded {
    /// How much was asked for.
    pub requested: u64,
    /// How much was left at that instant; 0 also if the budget was overdrawn.
    pub available: u64,
    /// The limit of the budget that refused, which may be an outer one.
    pub limit: u64,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, available, limit } = self;
        write!(f, "{requested} requested, {available} of {limit} left")
    }
}

impl std::error::Error for LimitExceeded {}
