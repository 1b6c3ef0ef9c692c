//! A stand-in with the face of `percpu_counter::Budget`, until that is merged.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use percpu_counter::Error;

/// A hard limit.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    limit: AtomicU64,
}

/// The limit would have been exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Asked for.
    pub requested: u64,
    /// Left.
    pub available: u64,
    /// The limit.
    pub limit: u64,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {} left", self.requested, self.limit, self.available)
    }
}

impl std::error::Error for LimitExceeded {}

/// Gives back when dropped.
#[derive(Debug)]
pub struct Reservation<'a> {
    budget: &'a Budget,
    n: u64,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.budget.uncharge(self.n);
    }
}

impl Budget {
    /// A budget of `limit`.
    pub fn new(limit: u64) -> Result<Self, Error> {
        Ok(Self { used: AtomicU64::new(0), limit: AtomicU64::new(limit) })
    }

    /// Charges `n` until the reservation is dropped.
    pub fn try_reserve(&self, n: u64) -> Result<Reservation<'_>, LimitExceeded> {
        self.try_charge(n)?;
        Ok(Reservation { budget: self, n })
    }

    /// Charges `n`, or nothing.
    pub fn try_charge(&self, n: u64) -> Result<(), LimitExceeded> {
        let limit = self.limit();
        self.used
            .fetch_update(Relaxed, Relaxed, |used| used.checked_add(n).filter(|&sum| sum <= limit))
            .map(drop)
            .map_err(|used| LimitExceeded {
                requested: n,
                available: limit.saturating_sub(used),
                limit,
            })
    }

    /// Charges `n`, over the limit if need be.
    pub fn charge(&self, n: u64) {
        self.used.fetch_add(n, Relaxed);
    }

    /// Gives `n` back.
    pub fn uncharge(&self, n: u64) {
        self.used.fetch_sub(n, Relaxed);
    }

    /// What is charged.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// The limit.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Changes the limit.
    pub fn set_limit(&self, n: u64) {
        self.limit.store(n, Relaxed);
    }
}
