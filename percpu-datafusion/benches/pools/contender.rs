//! The pools that are compared.

use std::sync::Arc;

use datafusion::execution::memory_pool::{FairSpillPool, GreedyMemoryPool, MemoryPool};
use percpu_datafusion::PerCpuMemoryPool;

/// A pool that is compared with others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Contender {
    /// DataFusion's one atomic.
    Greedy,
    /// DataFusion's lock, which divides memory among those who spill.
    Fair,
    /// This crate's.
    PerCpu,
}

impl Contender {
    /// All, the one that the others are compared with last.
    pub(crate) const ALL: [Self; 3] = [Self::Greedy, Self::Fair, Self::PerCpu];

    /// A new pool.
    pub(crate) fn pool(self, limit: usize) -> Arc<dyn MemoryPool> {
        match self {
            Self::Greedy => Arc::new(GreedyMemoryPool::new(limit)),
            Self::Fair => Arc::new(FairSpillPool::new(limit)),
            Self::PerCpu => Arc::new(PerCpuMemoryPool::new(limit).expect("per-CPU memory")),
        }
    }

    /// All, beginning with another one in each round, so that none always runs first.
    pub(crate) fn by_turns(round: usize) -> impl Iterator<Item = (usize, Self)> {
        (0..Self::ALL.len()).map(move |turn| {
            let nth = (round + turn) % Self::ALL.len();
            (nth, Self::ALL[nth])
        })
    }
}
