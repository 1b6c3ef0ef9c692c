//! A table made up from numbers, queries that need much memory, and what they cost.
//! Shared by the tests and the benchmark.

#![allow(dead_code, reason = "each user needs a part of it")]

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt64Array};
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::functions_aggregate::expr_fn::{count, max, sum};
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext, col};
use tokio::runtime::{Builder, Runtime};

/// Rows of a batch.
const BATCH: u64 = 4096;

/// A table of so many rows: `id`, each number once, in no order; `group`, one of
/// [`groups`](Self::groups) numbers; `value`; `text`.
#[derive(Debug)]
pub(crate) struct Table {
    rows: u64,
    data: Arc<MemTable>,
}

impl Table {
    /// A table of `rows` rows in `partitions` parts.
    pub(crate) fn new(rows: u64, partitions: u64) -> Self {
        let part = rows.div_ceil(partitions);
        let data: Vec<Vec<RecordBatch>> = (0..partitions)
            .map(|nth| {
                let end = rows.min((nth + 1) * part);
                let starts = (nth * part..end).step_by(BATCH as usize);
                starts.map(|start| batch(start..end.min(start + BATCH), rows)).collect()
            })
            .collect();
        let schema = data[0][0].schema();
        let data = Arc::new(MemTable::try_new(schema, data).expect("batches of one schema"));
        Self { rows, data }
    }

    /// How many groups there are: two rows in each.
    pub(crate) fn groups(&self) -> u64 {
        groups(self.rows)
    }
}

fn groups(rows: u64) -> u64 {
    rows.div_ceil(2)
}

fn batch(range: std::ops::Range<u64>, rows: u64) -> RecordBatch {
    let column = |of: &dyn Fn(u64) -> u64| UInt64Array::from_iter_values(range.clone().map(of));
    let values = Int64Array::from_iter_values(range.clone().map(|n| n as i64));
    let texts = range.clone().map(|n| format!("{:032x}", scatter(n)));
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(column(&scatter))),
        ("group", Arc::new(column(&|n| scatter(n % groups(rows))))),
        ("value", Arc::new(values)),
        ("text", Arc::new(StringArray::from_iter_values(texts))),
    ];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

/// Another number for each number, in no order (the finalizer of SplitMix64).
pub(crate) fn scatter(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// What is asked of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Query {
    /// All rows by `id`.
    Sort,
    /// Count, sum and greatest text of each group.
    GroupBy,
}

impl Query {
    fn of(self, table: DataFrame) -> Result<DataFrame> {
        match self {
            Self::Sort => table.sort(vec![col("id").sort(true, true)]),
            Self::GroupBy => table.aggregate(
                vec![col("group")],
                vec![
                    count(col("value")).alias("count"),
                    sum(col("value")).alias("sum"),
                    max(col("text")).alias("text"),
                ],
            ),
        }
    }
}

/// DataFusion with a pool and a number of threads.
#[derive(Debug)]
pub(crate) struct Engine {
    threads: Runtime,
    partitions: usize,
    pool: Arc<dyn MemoryPool>,
}

/// What a query came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The rows, in the order in which they came.
    pub(crate) batches: Vec<RecordBatch>,
    /// How often an operator wrote to disk what did not fit.
    pub(crate) spills: usize,
    /// How much that was.
    pub(crate) spilled_bytes: usize,
}

impl Engine {
    /// DataFusion with `threads` threads, and `partitions` of each operator.
    ///
    /// With one partition one operator sorts or groups. What is to spill needs that: a
    /// pool that does not divide memory cannot promise each of several enough to go on.
    pub(crate) fn new(threads: usize, partitions: usize, pool: Arc<dyn MemoryPool>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(threads).build();
        Self { threads: runtime.expect("threads"), partitions, pool }
    }

    /// The plan of a query, and what it runs in.
    pub(crate) fn plan(
        &self,
        query: Query,
        table: &Table,
    ) -> Result<(SessionContext, Arc<dyn ExecutionPlan>)> {
        let config = SessionConfig::new()
            .with_target_partitions(self.partitions)
            .with_batch_size(BATCH as usize)
            .with_repartition_sorts(self.partitions > 1)
            .with_sort_spill_reservation_bytes(512 << 10);
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&self.pool));
        let context = SessionContext::new_with_config_rt(config, runtime.build_arc()?);
        let data = context.read_table(Arc::clone(&table.data) as _)?;
        let plan = self.threads.block_on(query.of(data)?.create_physical_plan())?;
        Ok((context, plan))
    }

    /// Runs a query to its end.
    ///
    /// Tasks that it gave up may be on their way out when it returns; they have ended,
    /// and what they reserved is given back, when the engine is dropped.
    ///
    /// # Errors
    /// What DataFusion reports.
    pub(crate) fn run(&self, query: Query, table: &Table) -> Result<Outcome> {
        let (context, plan) = self.plan(query, table)?;
        // On a thread of the pool of threads, as in a server.
        let task = self.threads.spawn(collect(Arc::clone(&plan), context.task_ctx()));
        let batches = self.threads.block_on(task).expect("the query did not panic")?;
        let mut outcome = Outcome { batches, spills: 0, spilled_bytes: 0 };
        count_spills(plan.as_ref(), &mut outcome);
        Ok(outcome)
    }

    /// The threads that queries run on.
    pub(crate) fn threads(&self) -> &Runtime {
        &self.threads
    }
}

fn count_spills(plan: &dyn ExecutionPlan, outcome: &mut Outcome) {
    if let Some(metrics) = plan.metrics() {
        outcome.spills += metrics.spill_count().unwrap_or(0);
        outcome.spilled_bytes += metrics.spilled_bytes().unwrap_or(0);
    }
    for input in plan.children() {
        count_spills(input.as_ref(), outcome);
    }
}
