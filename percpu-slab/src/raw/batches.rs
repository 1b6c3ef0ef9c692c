//! [`Batches`]: items on every CPU that go on together, a batch at a time.
//!
//! # Why
//! What has to wait for something before it may be used again, such as for readers, waits
//! as well in company: one wait for a batch costs what it costs for an item. So each CPU
//! gathers items until they are a batch.
//!
//! # Invariants
//! - B1: an item that was pushed is handed on once: by the push that finds the CPU's
//!   batch full, or by a drain.
//! - B2: who is refused by the CPU's stack, because it is drained or, without
//!   restartable sequences, another thread is at it, hands its item on alone: nobody
//!   waits, and nothing is kept where nobody looks.

use core::fmt;

use percpu_core::__raw::{RawStack, mutated};
use percpu_core::Unit;

use crate::error::Error;

/// The most items of a batch: one section takes all but one.
const MAX_BATCH: usize = 60;

/// Items on every CPU that go on together, a batch at a time.
///
/// ```
/// use percpu_slab::raw::Batches;
///
/// let batches = Batches::new(3)?;
/// let mut handed = Vec::new();
/// for item in 1..=7 {
///     batches.push(item, |batch| handed.extend_from_slice(batch));
/// }
/// batches.flush(|batch| handed.extend_from_slice(batch))?;
/// handed.sort();
/// assert_eq!(handed, [1, 2, 3, 4, 5, 6, 7]);
/// # Ok::<(), percpu_slab::Error>(())
/// ```
///
/// # Performance
/// A section an item, and one more a batch.
#[doc(alias = "rcu_free")]
#[doc(alias = "kfree_rcu_cpu")]
pub struct Batches {
    /// Room for all but the one that makes the batch.
    stack: RawStack,
}

impl Batches {
    /// No items yet. Each time `batch` of them have come to a CPU they go on.
    ///
    /// # Errors
    /// [`Error::Option`] unless a batch is 2 to 60 items; as
    /// [`PerCpu::zeroed`](percpu_core::PerCpu::zeroed).
    pub fn new(batch: usize) -> Result<Self, Error> {
        if !(2..=MAX_BATCH).contains(&batch) {
            return Err(Error::Option { name: "batch", value: batch, min: 2, max: MAX_BATCH });
        }
        Ok(Self { stack: RawStack::with_capacity(batch - 1)? })
    }

    /// Items of a batch.
    pub fn batch(&self) -> usize {
        self.stack.capacity() + 1
    }

    /// Gives this CPU an item. If that makes a batch, `hand` gets it.
    #[inline]
    pub fn push(&self, item: u64, hand: impl FnOnce(&[u64])) {
        if !self.stack.push(item) {
            self.push_slow(item, hand);
        }
    }

    #[cold]
    fn push_slow(&self, item: u64, hand: impl FnOnce(&[u64])) {
        let mut batch = [0; MAX_BATCH];
        let others = &mut batch[..self.stack.capacity()];
        let count = self.stack.pop_into(others, 1).unwrap_or(0);
        batch[count] = item;
        let lost = count == 0 && mutated("batches_refused_is_pushed");
        hand(&batch[..count + usize::from(!lost)]);
    }

    /// Hands on the items of one unit.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing was handed on.
    pub fn drain(&self, unit: Unit, hand: impl FnOnce(&[u64])) -> Result<(), Error> {
        let mut batch = [0; MAX_BATCH];
        let mut count = 0;
        self.stack.drain_unit(unit, |item| {
            batch[count] = item;
            count += 1;
        })?;
        // The unit is open again: `hand` may do what it likes.
        if count > 0 {
            hand(&batch[..count]);
        }
        Ok(())
    }

    /// Hands on the items of all units.
    ///
    /// # Errors
    /// As [`drain`](Self::drain), but those of other units may have been handed on.
    pub fn flush(&self, mut hand: impl FnMut(&[u64])) -> Result<(), Error> {
        for unit in Unit::all()? {
            self.drain(unit, &mut hand)?;
        }
        Ok(())
    }

    /// How many items lay here a moment ago.
    pub fn len(&self) -> usize {
        Unit::all().into_iter().flatten().map(|unit| self.stack.len_on(unit)).sum()
    }

    /// Whether there were none a moment ago.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("batch", &self.batch()).field("len", &self.len()).finish()
    }
}
