//! [`BudgetBuilder`]: a budget that is not the usual one.

use std::sync::Arc;

use super::account::Budget;
use percpu_core::Error;

/// A budget to be; from [`Budget::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is there before `build`"]
pub struct BudgetBuilder {
    limit: u64,
    stock: Option<u64>,
    parent: Option<Arc<Budget>>,
}

impl Budget {
    /// A budget with more choices; its limit is 0 unless one is given.
    ///
    /// ```
    /// use percpu_counter::Budget;
    /// use std::sync::Arc;
    ///
    /// let all = Arc::new(Budget::new(1 << 30)?);
    /// let query = Budget::builder().limit(1 << 20).inside(&all).build()?;
    /// query.try_charge(1 << 10)?;
    /// assert_eq!((query.used(), all.used()), (1 << 10, 1 << 10));
    /// query.uncharge(1 << 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> BudgetBuilder {
        BudgetBuilder::default()
    }

    /// A budget of `limit` inside of this one: what is charged to it is charged to
    /// both, or to neither.
    ///
    /// The inner one is asked first. What it grants and the outer one refuses is
    /// given back, so for that moment the inner one may refuse others for it.
    /// What is never given back to the inner one stays charged here.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn child(self: &Arc<Self>, limit: u64) -> Result<Budget, Error> {
        Self::builder().limit(limit).inside(self).build()
    }
}

impl BudgetBuilder {
    /// The most that may be charged; 2^60 and more count as 2^60 - 1.
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// The most that each CPU keeps at hand, in the unit of the limit. 0: nothing
    /// is kept, and all charge one shared word.
    ///
    /// The default is a share of the limit: all CPUs together keep no more than a
    /// sixteenth, each no more than 2^20. CPUs keep something only while twice as
    /// much is left as all of them may keep.
    pub fn stock(mut self, stock: u64) -> Self {
        self.stock = Some(stock);
        self
    }

    /// Inside another one; see [`Budget::child`].
    pub fn inside(mut self, parent: &Arc<Budget>) -> Self {
        self.parent = Some(Arc::clone(parent));
        self
    }

    /// The budget, of which nothing is used.
    ///
    /// # Errors
    /// As [`Budget::new`].
    pub fn build(self) -> Result<Budget, Error> {
        Budget::assemble(self.limit, self.stock, self.parent)
    }
}
