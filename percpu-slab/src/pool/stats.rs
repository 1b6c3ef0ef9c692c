//! [`PoolStats`]: what a pool did and holds.

use core::fmt;

use crate::raw::MagazineStats;

/// What a [`Pool`](super::Pool) did and holds, a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
    /// The most that ever are; each thread that gets or puts may hold some more.
    pub max_cached: u64,
    /// Hits, if they are counted, misses, and what went through depots. A refill is a
    /// value made, a flush a magazine of values dropped.
    pub traffic: MagazineStats,
}

impl PoolStats {
    /// Values that were dropped, or have left the pool.
    pub fn dropped(&self) -> u64 {
        self.created.saturating_sub(self.live)
    }

    /// Values that are in use, or were leaked.
    pub fn in_use(&self) -> u64 {
        self.live.saturating_sub(self.cached)
    }
}

impl fmt::Display for PoolStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            writeln!(f, "pool {}", self.name)?;
        }
        let (live, in_use, cached) = (self.live, self.in_use(), self.cached);
        write!(f, "values: {live} live")?;
        if let Some(limit) = self.limit {
            write!(f, " of {limit}")?;
        }
        write!(f, ", {in_use} in use, ")?;
        match self.is_cached {
            true => writeln!(f, "{cached} cached of at most {}", self.max_cached)?,
            false => writeln!(f, "none cached, as per-CPU memory was refused")?,
        }
        writeln!(f, "so far: {} created, {} dropped", self.created, self.dropped())?;
        self.traffic.fmt(f)
    }
}
