//! DataFusion's [`MemoryPool`] on [`Budget`]: a hard limit for the memory of queries,
//! accounted on the CPU that asks.
//!
//! ```
//! use std::sync::Arc;
//!
//! use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
//! use datafusion::execution::runtime_env::RuntimeEnvBuilder;
//! use datafusion::prelude::{SessionConfig, SessionContext, col};
//! use percpu_datafusion::{Budget, PerCpuMemoryPool};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // One limit for the queries and for whatever else the program charges on it.
//! let budget = Arc::new(Budget::new(256 << 20)?);
//! let pool = Arc::new(PerCpuMemoryPool::with_budget(Arc::clone(&budget)));
//! let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
//! let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime);
//!
//! let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..1_000).rev()));
//! let batch = RecordBatch::try_from_iter([("n", numbers)])?;
//! let query = context.read_batch(batch)?.sort(vec![col("n").sort(true, true)])?;
//! let sorted = tokio::runtime::Runtime::new()?.block_on(query.collect())?;
//! assert_eq!(sorted.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_000);
//! assert_eq!(budget.used(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! [`PerCpuMemoryPool`] grants first come, first served, as DataFusion's
//! `GreedyMemoryPool`, whose one atomic is what all threads of all queries write.
//!
//! [`MemoryPool`]: datafusion_execution::memory_pool::MemoryPool

mod pool;

pub use percpu_counter::{Budget, Error};
pub use pool::PerCpuMemoryPool;

/// The examples of README.md, compiled and run with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
