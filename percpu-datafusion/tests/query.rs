//! Real queries on the pool: they spill when the limit says so, answer the same as
//! without one, and give everything back.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Engine, Outcome, Query, Table, scatter};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use percpu_datafusion::{Budget, PerCpuMemoryPool};

const ROWS: u64 = 200_000;
const THREADS: [usize; 3] = [1, 2, 8];

fn unlimited(threads: usize, query: Query, table: &Table) -> Outcome {
    let pool = Arc::new(UnboundedMemoryPool::default());
    let outcome = Engine::new(threads, threads, pool).run(query, table).unwrap();
    assert_eq!(outcome.spills, 0);
    outcome
}

/// With a limit: it spilled, and the pool is empty again.
fn limited(threads: usize, limit: usize, query: Query, table: &Table) -> Outcome {
    let pool = Arc::new(PerCpuMemoryPool::new(limit).unwrap());
    let engine = Engine::new(threads, 1, Arc::clone(&pool) as _);
    let outcome = engine.run(query, table).unwrap();
    assert!(outcome.spills > 0 && outcome.spilled_bytes > 0, "{threads} threads did not spill");
    drop(engine);
    assert_eq!(pool.reserved(), 0);
    outcome
}

fn whole(outcome: &Outcome) -> RecordBatch {
    concat_batches(&outcome.batches[0].schema(), &outcome.batches).unwrap()
}

/// Of each group: the count, the sum and the text.
fn by_group(outcome: &Outcome) -> BTreeMap<u64, (i64, i64, String)> {
    let rows = whole(outcome);
    let numbers = |name: &str| rows[name].as_primitive::<Int64Type>().clone();
    let (counts, sums) = (numbers("count"), numbers("sum"));
    let groups = rows["group"].as_primitive::<UInt64Type>();
    let texts = rows["text"].as_string::<i32>();
    let each = (0..rows.num_rows()).map(|row| {
        let text = texts.value(row).to_owned();
        (groups.value(row), (counts.value(row), sums.value(row), text))
    });
    let found: BTreeMap<_, _> = each.collect();
    assert_eq!(found.len(), rows.num_rows(), "a group came twice");
    found
}

#[test]
fn a_sort_that_does_not_fit_spills_and_sorts_the_same() {
    for threads in THREADS {
        let table = Table::new(ROWS, threads as u64);
        let expected = whole(&unlimited(threads, Query::Sort, &table));
        let sorted = whole(&limited(threads, 4 << 20, Query::Sort, &table));
        assert!(sorted == expected, "{threads} threads sorted otherwise");
        assert_eq!(sorted.num_rows() as u64, ROWS);
        assert!(sorted["id"].as_primitive::<UInt64Type>().values().is_sorted());
    }
}

#[test]
fn a_grouping_that_does_not_fit_spills_and_adds_up_the_same() {
    for threads in THREADS {
        let table = Table::new(ROWS, threads as u64);
        let expected = by_group(&unlimited(threads, Query::GroupBy, &table));
        let found = by_group(&limited(threads, 6 << 20, Query::GroupBy, &table));
        assert!(found == expected, "{threads} threads added up otherwise");
        // And as plain Rust has it.
        let mut plain = BTreeMap::<u64, (i64, i64)>::new();
        for n in 0..ROWS {
            let (count, sum) = plain.entry(scatter(n % table.groups())).or_default();
            *count += 1;
            *sum += n as i64;
        }
        assert!(found.iter().map(|(&group, &(count, sum, _))| (group, (count, sum))).eq(plain));
    }
}

#[test]
fn what_the_rest_of_the_program_holds_makes_a_query_spill() {
    let table = Table::new(ROWS, 2);
    let budget = Arc::new(Budget::new(64 << 20).unwrap());
    let pool = Arc::new(PerCpuMemoryPool::with_budget(Arc::clone(&budget)));
    let engine = Engine::new(2, 1, pool);
    let alone = engine.run(Query::Sort, &table).unwrap();
    assert_eq!(alone.spills, 0);

    let cache = budget.try_reserve(60 << 20).unwrap();
    let beside = engine.run(Query::Sort, &table).unwrap();
    assert!(beside.spills > 0);
    assert!(whole(&beside) == whole(&alone));
    drop(engine);
    assert_eq!(budget.used(), 60 << 20);
    drop(cache);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_query_that_cannot_go_on_says_why_and_gives_everything_back() {
    let table = Table::new(ROWS, 2);
    let pool = Arc::new(PerCpuMemoryPool::new(100 << 10).unwrap());
    let engine = Engine::new(2, 2, Arc::clone(&pool) as _);
    let error = engine.run(Query::Sort, &table).unwrap_err().to_string();
    for said in ["Resources exhausted", "limit: 100.0 KB", "Only a higher limit"] {
        assert!(error.contains(said), "{error}");
    }
    drop(engine);
    assert_eq!(pool.reserved(), 0);
}

#[test]
fn a_query_given_up_half_way_gives_everything_back() {
    use datafusion::physical_plan::execute_stream;
    use futures::StreamExt;

    let table = Table::new(ROWS, 2);
    let pool = Arc::new(PerCpuMemoryPool::new(64 << 20).unwrap());
    let engine = Engine::new(2, 2, Arc::clone(&pool) as _);
    let (context, plan) = engine.plan(Query::Sort, &table).unwrap();
    engine.threads().block_on(async {
        let mut rows = execute_stream(plan, context.task_ctx()).unwrap();
        rows.next().await.unwrap().unwrap();
        assert!(pool.reserved() > 0, "a sort in memory holds its rows");
    });
    drop(engine);
    assert_eq!(pool.reserved(), 0);
}
