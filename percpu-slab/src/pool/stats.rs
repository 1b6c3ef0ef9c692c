//! [`PoolStats`]: what a pool did and holds.

use core::fmt;

/// What a [`Pool`](super::Pool) did and holds, a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PoolStats {
    /// The pool's name.
    pub name: String,
    /// Values that were ever made.
    pub created: u64,
    /// Values that exist: in use, in the pool, or being made.
    pub live: u64,
    /// The most that may exist.
    pub limit: Option<u64>,
    /// Whether values are kept at all; not if per-CPU memory was refused.
    pub is_cached: bool,
    /// Values in the pool.
    pub cached: u64,
}

impl PoolStats {
    /// Values that were dropped, or have left the pool.
    pub fn dropped(&self) -> u64 {
        self.created.saturating_sub(self.live)
    }

    /// Values that are in use.
    pub fn in_use(&self) -> u64 {
        self.live.saturating_sub(self.cached)
    }
}

impl fmt::Display for PoolStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} live, {} cached", self.live, self.cached)
    }
}
