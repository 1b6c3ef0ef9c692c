//! [`Reservation`]: a charge that gives itself back.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use percpu_core::atomic::AtomicU64;

use super::account::Budget;
use super::exceeded::LimitExceeded;
use crate::storage::Storage;

/// What a reservation needs of its budget.
pub(crate) trait Account {
    fn try_charge(&self, n: u64) -> Result<(), LimitExceeded>;
    fn uncharge(&self, n: u64);
}

impl<S: Storage<Item = AtomicU64>> Account for Budget<S> {
    #[inline(always)]
    fn try_charge(&self, n: u64) -> Result<(), LimitExceeded> {
        self.try_charge(n)
    }

    #[inline(always)]
    fn uncharge(&self, n: u64) {
        self.uncharge(n);
    }
}

#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<S: Storage<Item = AtomicU64>> Budget<S> {
    /// Charges `n` until the reservation is dropped, on whichever CPU that is.
    ///
    /// # Errors
    /// [`LimitExceeded`]; nothing was charged.
    ///
    /// # Performance
    /// As [`try_charge`](Self::try_charge).
    #[inline(always)]
    pub fn try_reserve(&self, n: u64) -> Result<Reservation<&Self>, LimitExceeded> {
        self.try_charge(n)?;
        Ok(Reservation { budget: self, size: n })
    }

    /// As [`try_reserve`](Self::try_reserve), with a reservation that keeps the
    /// budget alive.
    ///
    /// # Errors
    /// As that.
    #[inline]
    pub fn try_reserve_owned(
        self: &Arc<Self>,
        n: u64,
    ) -> Result<Reservation<Arc<Self>>, LimitExceeded> {
        self.try_charge(n)?;
        Ok(Reservation { budget: Arc::clone(self), size: n })
    }
}

/// So much of a budget, given back on drop.
///
/// ```
/// use percpu_counter::Budget;
/// let rows = Budget::new(1000)?;
/// let mut buffer = rows.try_reserve(100)?;
/// buffer.grow(50)?;
/// buffer.shrink(25);
/// let half = buffer.split(60);
/// assert_eq!((buffer.size(), half.size(), rows.used()), (65, 60, 125));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[allow(private_bounds, reason = "a budget, or what leads to one")]
#[must_use = "given back at once if it is not kept"]
pub struct Reservation<B: Deref<Target: Account>> {
    budget: B,
    size: u64,
}

#[allow(private_bounds, reason = "as above")]
impl<B: Deref<Target: Account>> Reservation<B> {
    /// How much it is.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The budget it is of.
    pub fn budget(&self) -> &B::Target {
        &self.budget
    }

    /// Reserves `n` more.
    ///
    /// # Errors
    /// [`LimitExceeded`]; the reservation is as it was.
    #[inline]
    pub fn grow(&mut self, n: u64) -> Result<(), LimitExceeded> {
        self.budget.try_charge(n)?;
        self.size += n;
        Ok(())
    }

    /// Gives back `n`.
    ///
    /// # Panics
    /// If it is less than that.
    #[inline]
    pub fn shrink(&mut self, n: u64) {
        match self.size.checked_sub(n) {
            Some(left) => self.size = left,
            None => panic!("{n} given back of a reservation of {}", self.size),
        }
        self.budget.uncharge(n);
    }

    /// Grows or shrinks it to `n`.
    ///
    /// # Errors
    /// [`LimitExceeded`]; the reservation is as it was.
    pub fn resize(&mut self, n: u64) -> Result<(), LimitExceeded> {
        match n.checked_sub(self.size) {
            Some(more) => self.grow(more),
            None => {
                self.shrink(self.size - n);
                Ok(())
            }
        }
    }

    /// Takes `n` out of it, as a reservation of its own.
    ///
    /// # Panics
    /// If it is less than that.
    pub fn split(&mut self, n: u64) -> Self
    where
        B: Clone,
    {
        assert!(n <= self.size, "{n} split off a reservation of {}", self.size);
        let split = Self { budget: self.budget.clone(), size: n };
        self.size -= n;
        split
    }

    /// Keeps it charged for good, or until [`Budget::uncharge`]; how much it is.
    pub fn forget(mut self) -> u64 {
        std::mem::take(&mut self.size)
    }
}

impl<B: Deref<Target: Account>> Drop for Reservation<B> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.size > 0 {
            self.budget.uncharge(self.size);
        }
    }
}

#[allow(private_bounds, reason = "as above")]
impl<B: Deref<Target: Account>> fmt::Debug for Reservation<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reservation").field(&self.size).finish()
    }
}

/// How much it is.
#[allow(private_bounds, reason = "as above")]
impl<B: Deref<Target: Account>> fmt::Display for Reservation<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.size.fmt(f)
    }
}
