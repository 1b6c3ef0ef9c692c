//! [`Central`]: what is left of a budget and lies on no unit, in one word.
//!
//! ```text
//!   63                       1    0
//!   | amount, signed           | open |
//! ```
//! Open: units may hold stocks beside it, so the amount is not all there is. Closed:
//! it is, and one load tells exactly what is left. Amount and mode in one word make
//! that load an instant.

use percpu_core::__private::order;
use percpu_core::atomic::{AtomicI64, Ordering};

const OPEN: i64 = 1;

/// Limits are below, and what is asked for at most that: no sum of a few overflows.
pub(crate) const MOST: u64 = 1 << 60;

#[derive(Debug)]
pub(crate) struct Central(AtomicI64);

/// What the word said at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// Below zero: debt.
    pub(crate) amount: i64,
    pub(crate) open: bool,
}

impl Level {
    fn of(word: i64) -> Self {
        Self { amount: word >> 1, open: word & OPEN != 0 }
    }

    fn word(self) -> i64 {
        (self.amount << 1) | i64::from(self.open)
    }
}

impl Central {
    /// `amount` is left, and no unit has any of it.
    #[cfg(not(percpu_loom))]
    pub(crate) const fn new(amount: u64) -> Self {
        Self(AtomicI64::new((amount as i64) << 1))
    }

    #[cfg(percpu_loom)]
    pub(crate) fn new(amount: u64) -> Self {
        Self(AtomicI64::new((amount as i64) << 1))
    }

    pub(crate) fn look(&self) -> Level {
        // Relaxed: whoever takes acquires by `take`, and all else is done under the lock.
        Level::of(self.0.load(Ordering::Relaxed))
    }

    /// Takes `n`, if so much is left in mode `open`; what is left then.
    ///
    /// # Errors
    /// What there was: too little, or the other mode.
    pub(crate) fn take(&self, n: u64, open: bool) -> Result<Level, Level> {
        // Relaxed: the exchange acquires, and a refusal takes nothing.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let level = Level::of(word);
            // `n` is below `MOST`.
            if level.open != open || level.amount < n as i64 {
                return Err(level);
            }
            let left = Level { amount: level.amount - n as i64, open };
            // Acquire: who takes comes after who gave (Release there).
            let both = order(Ordering::AcqRel, "budget_take_relaxed");
            match self.0.compare_exchange_weak(word, left.word(), both, Ordering::Relaxed) {
                Ok(_) => return Ok(left),
                Err(found) => word = found,
            }
        }
    }

    /// Adds `n`, which may be negative; what there is then.
    pub(crate) fn give(&self, n: i64) -> Level {
        // Release: partner is the acquire of `take`.
        let both = order(Ordering::AcqRel, "budget_give_relaxed");
        Level::of(self.0.fetch_add(n << 1, both).wrapping_add(n << 1))
    }

    /// From now on units may have some too. For who has the budget's lock.
    pub(crate) fn open(&self) {
        // Relaxed: under the lock; who takes from an open one has it, too. What was given
        // before is handed on all the same, as read-modify-writes do.
        self.0.fetch_add(OPEN, Ordering::Relaxed);
    }

    /// Adds what the units had, `n`: this is all there is, from now on. For who
    /// has the budget's lock.
    pub(crate) fn close(&self, n: u64) {
        // Release: `n` was given by whoever left it in a stock. Partner: `take`.
        let both = order(Ordering::AcqRel, "budget_close_relaxed");
        self.0.fetch_add(((n as i64) << 1) - OPEN, both);
    }
}
