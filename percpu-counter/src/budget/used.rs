//! How much of a budget is charged, for who wants to know.

use std::fmt;

use percpu_core::atomic::AtomicU64;

use super::account::Budget;
use crate::storage::Storage;

#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<S: Storage<Item = AtomicU64>> Budget<S> {
    /// How much is charged.
    ///
    /// Exact when nobody charges meanwhile, and never more than the limit, unless
    /// [`charge`](Self::charge) or a lower limit made it so.
    ///
    /// # Performance
    /// One load a unit in use, and the lock.
    #[doc(alias = "page_counter_read")]
    pub fn used(&self) -> u64 {
        // Nothing is carried to a stock meanwhile (B1), and no limit changes.
        let _alone = self.lock.lock();
        let stocks = self.switch.peek(self.stocks.copies()) as i64;
        let used = self.limit() as i64 - self.middle.look().amount - stocks;
        // Below 0 if something went from one unit, looked at, to another.
        used.max(0) as u64
    }

    /// How much may be charged, of what is not.
    pub fn available(&self) -> u64 {
        self.limit().saturating_sub(self.used())
    }
}

#[allow(private_bounds, reason = "as above")]
impl<S: Storage<Item = AtomicU64>> fmt::Debug for Budget<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("used", &self.used())
            .field("limit", &self.limit())
            .field("open", &self.middle.look().open)
            .finish_non_exhaustive()
    }
}

/// `used/limit`.
#[allow(private_bounds, reason = "as above")]
impl<S: Storage<Item = AtomicU64>> fmt::Display for Budget<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.used(), self.limit())
    }
}
