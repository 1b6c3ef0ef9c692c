//! [`Budget`]: a hard limit, most of the time without a shared word.
//!
//! # Why
//! Every allocation of a query, every buffer of a cache is charged to some limit.
//! One shared counter serves that until all CPUs want its line at once. Here each
//! unit has a *stock* of what was taken off the middle in advance: charging takes
//! from the stock of this CPU, uncharging gives back to it.
//!
//! # Two modes
//! | | open | closed |
//! | --- | --- | --- |
//! | when | much is left | little is left, or the limit is small |
//! | charging | from the stock; when that is empty, from the middle, with some more for the stock, under the lock | from the middle, one compare-exchange |
//! | refusing | never: closes first | one load of the middle |
//!
//! ```text
//!            middle + all stocks < asked for, or nearly
//!     open ───────────────────────────────────────────────> closed
//!            lock; close the switch (stop, fence, take all)
//!          <───────────────────────────────────────────────
//!            twice as much is left as all stocks may hold
//! ```
//! The gap between the two is what keeps a load near the limit from going back and
//! forth: between two fences at least as much is charged as all stocks hold.
//!
//! # Invariants
//! - B1: middle + stocks + charges = limit, at every instant at which no thread holds
//!   the lock or gives back. What a thread carries from the middle to a stock it
//!   carries under the lock; what it gives back counts as charged until it is in.
//! - B2: so charges never exceed the limit: what is charged was taken from one of
//!   the others, by one atomic operation that checked it.
//! - B3: while the middle says "closed", stocks are zero: it said "open" before the
//!   switch was, and says "closed" after all was taken. So a load that finds too
//!   little in a closed middle is an instant at which too little was left.

use std::sync::Arc;

use percpu_core::__private::mutated;
use percpu_core::__raw::Switch;
use percpu_core::atomic::{AtomicU64, Ordering};
use percpu_core::{Error, PerCpu, StaticPerCpu, Unit};

use super::central::{Central, Level, MOST};
use super::exceeded::LimitExceeded;
use crate::base::Base;
use crate::storage::Storage;

/// Unless the builder says otherwise, a unit's stock is at most this, and all
/// stocks together at most a sixteenth of the limit.
const STOCK: u64 = 1 << 20;

/// A hard limit on something counted: bytes, permits, connections.
///
/// What is charged never exceeds [`limit`](Self::limit), at no instant, whatever
/// threads do (unless [`charge`](Self::charge) says that it may). A refusal was
/// right at one instant between call and return. Where much is left, charging costs
/// a few plain instructions on this CPU's stock.
///
/// ```
/// use percpu_counter::Budget;
///
/// let memory = Budget::new(1 << 30)?;
/// let mut query = memory.try_reserve(4096)?;   // given back when it is dropped
/// query.grow(1 << 20)?;
/// assert_eq!(memory.used(), 4096 + (1 << 20));
/// assert!(memory.try_reserve(1 << 30).is_err());
/// drop(query);
/// assert_eq!(memory.used(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "percpu_counter_limited_add")]
#[doc(alias = "page_counter_try_charge")]
pub struct Budget<S = PerCpu<AtomicU64>> {
    pub(super) switch: Switch,
    /// Zero unless the middle is open.
    pub(super) stocks: S,
    /// The most that a stock may hold; 0 before the middle is first opened.
    stock: AtomicU64,
    pub(super) middle: Central,
    /// Written under the lock.
    limit: AtomicU64,
    /// Who opens, closes, fills a stock or changes the limit.
    pub(super) lock: Base<()>,
    /// The most that a stock may hold, if the builder said.
    asked: Option<u64>,
    parent: Option<Arc<Budget>>,
}

/// A [`Budget`] declared with [`counter!`](macro@crate::counter).
pub type StaticBudget = Budget<&'static StaticPerCpu<AtomicU64>>;

impl Budget {
    /// A budget of `limit`, of which nothing is used. Limits of 2^60 and more
    /// count as 2^60 - 1.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    pub fn new(limit: u64) -> Result<Self, Error> {
        Self::assemble(limit, None, None)
    }

    pub(super) fn assemble(
        limit: u64,
        asked: Option<u64>,
        parent: Option<Arc<Budget>>,
    ) -> Result<Self, Error> {
        let limit = limit.min(MOST - 1);
        let budget = Self {
            switch: Switch::new(),
            stocks: PerCpu::zeroed()?,
            stock: AtomicU64::new(0),
            middle: Central::new(limit),
            limit: AtomicU64::new(limit),
            lock: Base::new(()),
            asked,
            parent,
        };
        budget.open_if_rich(budget.middle.look());
        Ok(budget)
    }
}

#[cfg(not(percpu_loom))]
impl StaticBudget {
    /// A budget over a static word that is used for nothing else.
    #[doc(hidden)]
    pub const fn __from_static(
        stocks: &'static StaticPerCpu<AtomicU64>,
        lock: Base<()>,
        limit: u64,
    ) -> Self {
        let limit = if limit < MOST { limit } else { MOST - 1 };
        Self {
            switch: Switch::new(),
            stocks,
            stock: AtomicU64::new(0),
            middle: Central::new(limit),
            limit: AtomicU64::new(limit),
            lock,
            asked: None,
            parent: None,
        }
    }
}

/// # Panics
/// Each, on the first use of a static, if the system refuses memory.
#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<S: Storage<Item = AtomicU64>> Budget<S> {
    /// Charges `n`, to be given back by [`uncharge`](Self::uncharge);
    /// [`try_reserve`](Self::try_reserve) does that by itself.
    ///
    /// # Errors
    /// [`LimitExceeded`]; nothing was charged, here or in an outer budget.
    ///
    /// # Performance
    /// Where much is left, a section of this CPU. Near the limit one
    /// compare-exchange; a refusal there is one load. Between the two a fence.
    #[inline(always)]
    pub fn try_charge(&self, n: u64) -> Result<(), LimitExceeded> {
        if !self.take_from_stock(n) {
            self.take_from_middle(n)?;
        }
        match &self.parent {
            None => Ok(()),
            Some(parent) => self.charge_outer(parent, n),
        }
    }

    #[inline(never)]
    fn charge_outer(&self, parent: &Budget, n: u64) -> Result<(), LimitExceeded> {
        parent.try_charge(n).inspect_err(|_| self.give_back(n))
    }

    /// Charges `n`, over the limit if need be: for what has happened already. Until
    /// it is paid back everything else is refused.
    ///
    /// # Panics
    /// If `n` is 2^60 or more.
    pub fn charge(&self, n: u64) {
        assert!(n < MOST, "{n} is more than any budget");
        if !self.take_from_stock(n) && self.take_from_middle(n).is_err() {
            self.middle.give(-(n as i64));
        }
        if let Some(parent) = &self.parent {
            parent.charge(n);
        }
    }

    /// Gives back `n` that was charged.
    ///
    /// Giving back what was not charged raises what may be charged: the caller's
    /// bug, told in debug builds where it is seen.
    ///
    /// # Performance
    /// As [`try_charge`](Self::try_charge).
    #[inline(always)]
    pub fn uncharge(&self, n: u64) {
        self.give_back(n);
        if let Some(parent) = &self.parent {
            uncharge_outer(parent, n);
        }
    }

    /// The most that may be charged.
    pub fn limit(&self) -> u64 {
        // Relaxed: a number of its own.
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit, up or down, while it is in use. Below what is charged
    /// nothing is taken away: everything is refused until enough was given back.
    /// Limits of 2^60 and more count as 2^60 - 1.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; the limit is as it was.
    ///
    /// # Performance
    /// A fence.
    #[doc(alias = "page_counter_set_max")]
    pub fn set_limit(&self, limit: u64) -> Result<(), Error> {
        let limit = limit.min(MOST - 1);
        let _alone = self.lock.lock();
        if self.middle.look().open && !mutated("budget_limit_while_open") {
            self.close_alone()?;
        }
        let change = limit as i64 - self.limit() as i64;
        self.limit.store(limit, Ordering::Relaxed);
        let level = self.middle.give(change);
        self.open_alone(level);
        Ok(())
    }

    #[inline(always)]
    fn take_from_stock(&self, n: u64) -> bool {
        // Relaxed: whatever it is, the stock is checked against it.
        let most = self.stock.load(Ordering::Relaxed);
        n <= most && self.change_stock(n.wrapping_neg(), most)
    }

    #[inline(always)]
    fn change_stock(&self, by: u64, most: u64) -> bool {
        self.switch.add_within(self.stocks.copies(), by, 0, most).is_ok()
    }

    #[inline(always)]
    fn give_back(&self, n: u64) {
        let most = self.stock.load(Ordering::Relaxed);
        if n > most || !self.change_stock(n, most) {
            self.to_middle(n);
        }
    }

    /// This CPU's stock has not enough.
    #[cold]
    #[inline(never)]
    fn take_from_middle(&self, n: u64) -> Result<(), LimitExceeded> {
        // More than that is refused as that is: no limit is so high.
        let take = n.min(MOST);
        let level = loop {
            if self.middle.look().open {
                match self.take_from_open(take) {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(level)) => break level,
                    None => {}
                }
            }
            match self.middle.take(take, false) {
                Ok(left) => {
                    self.open_if_rich(left);
                    return Ok(());
                }
                // B3: right at this instant.
                Err(level) if !level.open => break level,
                Err(_) => {}
            }
        };
        let available = u64::try_from(level.amount).unwrap_or(0);
        Err(LimitExceeded { requested: n, available, limit: self.limit() })
    }

    /// Takes from an open middle, and fills this CPU's stock; closes it if there is
    /// too little. `None` if it is closed.
    fn take_from_open(&self, n: u64) -> Option<Result<(), Level>> {
        let alone = self.lock.lock();
        if !self.middle.look().open {
            return None;
        }
        let most = self.stock.load(Ordering::Relaxed);
        let fill = if n <= most { most.div_ceil(2) } else { 0 };
        if self.middle.take(n + fill, true).is_ok() {
            if mutated("budget_fill_unlocked") {
                drop(alone);
            }
            // Under the lock: B1.
            if fill > 0 && !self.change_stock(fill, most) {
                self.middle.give(fill as i64);
            }
            return Some(Ok(()));
        }
        match self.close_alone() {
            Ok(()) => None,
            // Nobody can be stopped: what the middle has is all that can be had.
            Err(_) => Some(self.middle.take(n, true).map(drop)),
        }
    }

    #[cold]
    #[inline(never)]
    fn to_middle(&self, n: u64) {
        debug_assert!(n <= MOST, "more given back than was ever charged");
        let level = self.middle.give(n as i64);
        if !level.open {
            debug_assert!(level.amount <= MOST as i64, "more given back than was charged");
            self.open_if_rich(level);
        }
    }

    /// Opens the middle if so much is left that it pays.
    fn open_if_rich(&self, level: Level) {
        if self.is_rich(level) {
            let _alone = (!mutated("budget_open_unlocked")).then(|| self.lock.lock());
            self.open_alone(self.middle.look());
        }
    }

    fn is_rich(&self, level: Level) -> bool {
        let (stock, units) = self.shares();
        !level.open && stock > 0 && level.amount / 2 >= (stock * units) as i64
    }

    /// The most that a stock should hold, and how many stocks there are.
    fn shares(&self) -> (u64, u64) {
        // There are units, or the copies were not there.
        let units = Unit::all().map_or(1, |units| units.len() as u64);
        let share = self.limit() / (16 * units);
        (self.asked.map_or(share.min(STOCK), |asked| asked.min(MOST / (4 * units))), units)
    }

    /// For who has the lock.
    fn open_alone(&self, level: Level) {
        if self.is_rich(level) {
            // This first: B3. Nobody puts anything into a stock of size 0.
            self.middle.open();
            self.stock.store(self.shares().0, Ordering::Relaxed);
            self.switch.open(self.stocks.copies());
        }
    }

    /// For who has the lock.
    fn close_alone(&self) -> Result<(), Error> {
        if mutated("budget_closed_first") {
            self.middle.close(0);
            self.middle.give(self.switch.close(self.stocks.copies())? as i64);
            return Ok(());
        }
        let taken = self.switch.close(self.stocks.copies())?;
        // This last: B3.
        self.middle.close(taken);
        Ok(())
    }
}

#[inline(never)]
fn uncharge_outer(parent: &Budget, n: u64) {
    parent.uncharge(n);
}
