//! [`PerCpuMemoryPool`]: a [`MemoryPool`] whose total is a [`Budget`].
//!
//! The pool keeps nothing of its own. How much a consumer holds is known to its
//! [`MemoryReservation`], the total to the budget, so a reservation that grows
//! writes only what belongs to it and to this CPU.

use std::fmt;
use std::sync::Arc;

use datafusion_common::{DataFusionError, Result, resources_datafusion_err};
use datafusion_execution::memory_pool::{
    MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
};
use percpu_counter::{Budget, Error, LimitExceeded};

/// A [`MemoryPool`] with a hard limit, first come, first served.
///
/// [`try_grow`](MemoryPool::try_grow) grants up to the last byte of the limit and
/// never beyond it, whatever stocks the CPUs hold. [`grow`](MemoryPool::grow) must
/// succeed, says DataFusion: it may go over the limit, and then every request is
/// refused until as much was given back. A budget counts less than 2^60 bytes: a
/// limit above is cut to that, and `grow` by so much panics.
///
/// It does not divide memory among those who spill, as DataFusion's `FairSpillPool`
/// does: like `GreedyMemoryPool`, it suits queries with one operator that spills, or
/// with memory for all of them.
///
/// `TrackConsumersPool` wraps it, as any pool, for errors that name the consumers
/// who hold most. That one takes a lock in every call, so what is won here is lost.
///
/// # Performance
/// A request costs what [`Budget::try_charge`] costs: where much is left, a section of
/// this CPU; near the limit, one compare-exchange. Registration costs nothing: no
/// consumer is kept. [`reserved`](MemoryPool::reserved) takes a lock, and reads a word
/// of each CPU.
///
/// ```
/// use std::sync::Arc;
///
/// use datafusion_execution::memory_pool::{MemoryConsumer, MemoryPool};
/// use percpu_datafusion::PerCpuMemoryPool;
///
/// let pool: Arc<dyn MemoryPool> = Arc::new(PerCpuMemoryPool::new(1 << 20)?);
/// let reservation = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
/// reservation.try_grow(1 << 20).unwrap();
/// assert!(reservation.try_grow(1).is_err());
/// drop(reservation);
/// assert_eq!(pool.reserved(), 0);
/// # Ok::<(), percpu_datafusion::Error>(())
/// ```
#[derive(Debug)]
pub struct PerCpuMemoryPool {
    budget: Arc<Budget>,
}

impl PerCpuMemoryPool {
    /// A pool of `limit` bytes with a budget of its own.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    pub fn new(limit: usize) -> Result<Self, Error> {
        Ok(Self::with_budget(Arc::new(Budget::new(limit as u64)?)))
    }

    /// A pool on a budget that the rest of the program charges too.
    ///
    /// What others hold is as good as reserved: it is part of
    /// [`reserved`](MemoryPool::reserved), and queries spill or fail the earlier. With
    /// a [`child`](Budget::child) of that budget the pool has a limit and a total of
    /// its own, and the outer limit holds too.
    #[must_use]
    pub fn with_budget(budget: Arc<Budget>) -> Self {
        Self { budget }
    }

    /// The budget: to charge something else on it, or to change its limit while
    /// queries run.
    #[must_use]
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    #[cold]
    #[inline(never)]
    fn exhausted(
        &self,
        reservation: &MemoryReservation,
        refusal: LimitExceeded,
    ) -> DataFusionError {
        let hint = if refusal.requested > refusal.limit {
            "Only a higher limit allows a request of this size"
        } else {
            "Consider a higher limit, or fewer partitions \
             ('datafusion.execution.target_partitions')"
        };
        // The words of DataFusion's own pools, for those who look for them in logs.
        resources_datafusion_err!(
            "Failed to allocate additional {} for {} with {} already allocated for this \
             reservation - {} remain available for the total memory pool: {self}. {hint}",
            human_readable_size(size(refusal.requested)),
            reservation.consumer().name(),
            human_readable_size(reservation.size()),
            human_readable_size(size(refusal.available))
        )
    }
}

impl From<Arc<Budget>> for PerCpuMemoryPool {
    fn from(budget: Arc<Budget>) -> Self {
        Self::with_budget(budget)
    }
}

impl MemoryPool for PerCpuMemoryPool {
    fn name(&self) -> &str {
        "percpu"
    }

    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        self.budget.charge(additional as u64);
    }

    fn shrink(&self, _reservation: &MemoryReservation, shrink: usize) {
        self.budget.uncharge(shrink as u64);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.budget
            .try_charge(additional as u64)
            .map_err(|refusal| self.exhausted(reservation, refusal))
    }

    fn reserved(&self) -> usize {
        size(self.budget.used())
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(size(self.budget.limit()))
    }
}

impl fmt::Display for PerCpuMemoryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = human_readable_size(self.reserved());
        let limit = human_readable_size(size(self.budget.limit()));
        write!(f, "{}(used: {used}, limit: {limit})", self.name())
    }
}

/// The budget counts in 64 bits, also where addresses have 32.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
