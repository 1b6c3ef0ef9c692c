//! What DataFusion asks of a [`MemoryPool`], and what this one adds: a limit that holds
//! at every instant, on all threads, to the byte.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use datafusion_common::DataFusionError;
use datafusion_execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
    TrackConsumersPool,
};
use percpu_datafusion::{Budget, PerCpuMemoryPool};

fn pool(limit: usize) -> Arc<dyn MemoryPool> {
    Arc::new(PerCpuMemoryPool::new(limit).unwrap())
}

fn consumer(name: &str, pool: &Arc<dyn MemoryPool>) -> MemoryReservation {
    MemoryConsumer::new(name).with_can_spill(true).register(pool)
}

fn message(error: DataFusionError) -> String {
    assert!(matches!(error, DataFusionError::ResourcesExhausted(_)), "{error:?}");
    error.strip_backtrace()
}

#[test]
fn a_request_is_granted_to_the_last_byte_and_not_beyond() {
    let pool = pool(100);
    let first = consumer("first", &pool);
    let second = consumer("second", &pool);
    assert_eq!(pool.reserved(), 0, "registration takes nothing");
    first.try_grow(60).unwrap();
    second.try_grow(41).unwrap_err();
    assert_eq!((second.size(), pool.reserved()), (0, 60), "a refusal takes nothing");
    second.try_grow(40).unwrap();
    first.try_grow(1).unwrap_err();
    assert_eq!(pool.reserved(), 100);
    drop(first);
    assert_eq!(pool.reserved(), 40);
    second.try_resize(100).unwrap();
    assert_eq!(pool.reserved(), 100);
    assert_eq!(second.free(), 100);
    assert_eq!(pool.reserved(), 0);
}

#[test]
fn growth_that_must_succeed_is_a_debt_until_it_is_given_back() {
    let pool = pool(100);
    let forced = consumer("forced", &pool);
    let other = consumer("other", &pool);
    forced.grow(250);
    assert_eq!(pool.reserved(), 250);
    other.try_grow(1).unwrap_err();
    forced.shrink(150);
    other.try_grow(1).unwrap_err();
    forced.shrink(30);
    other.try_grow(30).unwrap();
    assert_eq!(pool.reserved(), 100);
    drop((forced, other));
    assert_eq!(pool.reserved(), 0);
}

#[test]
fn a_part_split_off_is_given_back_by_its_own_drop() {
    let pool = pool(100);
    let mut whole = consumer("whole", &pool);
    whole.try_grow(80).unwrap();
    let part = whole.split(30);
    let rest = whole.take();
    assert_eq!((whole.size(), part.size(), rest.size(), pool.reserved()), (0, 30, 50, 80));
    drop(rest);
    assert_eq!(pool.reserved(), 30);
    drop(part);
    assert_eq!(pool.reserved(), 0);
}

#[test]
fn a_refusal_has_the_words_of_datafusion_and_a_hint() {
    let refused = |pool: Arc<dyn MemoryPool>| {
        let sort = consumer("sort", &pool);
        sort.try_grow(3 << 20).unwrap();
        message(sort.try_grow(2 << 20).unwrap_err())
    };
    let ours = refused(pool(4 << 20));
    let greedy = refused(Arc::new(GreedyMemoryPool::new(4 << 20)));
    let (words, _) = greedy.split_once("greedy(").unwrap();
    assert_eq!(
        ours,
        format!(
            "{words}percpu(used: 3.0 MB, limit: 4.0 MB). Consider a higher limit, \
             or fewer partitions ('datafusion.execution.target_partitions')"
        )
    );
    for said in ["additional 2.0 MB for sort with 3.0 MB", "1024.0 KB remain available"] {
        assert!(ours.contains(said), "{ours}");
    }
}

#[test]
fn a_request_above_the_limit_is_told_that_only_a_higher_limit_helps() {
    let pool = pool(100);
    let error = message(consumer("join", &pool).try_grow(101).unwrap_err());
    assert!(error.ends_with("Only a higher limit allows a request of this size"), "{error}");
}

#[test]
fn a_refusal_names_the_greatest_consumers_if_they_are_tracked() {
    let tracked =
        TrackConsumersPool::new(PerCpuMemoryPool::new(100).unwrap(), NonZeroUsize::new(1).unwrap());
    let pool: Arc<dyn MemoryPool> = Arc::new(tracked);
    let small = consumer("small", &pool);
    let great = consumer("great", &pool);
    small.try_grow(10).unwrap();
    great.try_grow(70).unwrap();
    let error = message(small.try_grow(21).unwrap_err());
    assert!(error.contains("top memory consumers"), "{error}");
    assert!(error.contains("(can spill: true) consumed 70.0 B"), "{error}");
    assert!(error.contains("20.0 B remain available"), "{error}");
    drop((small, great));
    assert_eq!(pool.reserved(), 0);
}

#[test]
fn a_limit_changed_while_running_holds_at_once() {
    let own = Arc::new(PerCpuMemoryPool::new(100).unwrap());
    let pool: Arc<dyn MemoryPool> = Arc::clone(&own) as _;
    let query = consumer("query", &pool);
    query.try_grow(80).unwrap();
    own.budget().set_limit(50).unwrap();
    assert!(matches!(pool.memory_limit(), MemoryLimit::Finite(50)));
    query.try_grow(1).unwrap_err();
    query.shrink(40);
    query.try_grow(10).unwrap();
    query.try_grow(1).unwrap_err();
    own.budget().set_limit(200).unwrap();
    query.try_grow(150).unwrap();
    query.try_grow(1).unwrap_err();
    assert_eq!(pool.reserved(), 200);
}

#[test]
fn pools_on_one_budget_share_its_limit_with_whoever_else_charges_it() {
    let budget = Arc::new(Budget::new(100).unwrap());
    let one: Arc<dyn MemoryPool> = Arc::new(PerCpuMemoryPool::with_budget(Arc::clone(&budget)));
    let two: Arc<dyn MemoryPool> = Arc::new(PerCpuMemoryPool::from(Arc::clone(&budget)));
    let cache = budget.try_reserve(40).unwrap();
    let first = consumer("first", &one);
    let second = consumer("second", &two);
    first.try_grow(50).unwrap();
    second.try_grow(11).unwrap_err();
    second.try_grow(10).unwrap();
    assert!(budget.try_reserve(1).is_err());
    assert_eq!((one.reserved(), two.reserved(), budget.used()), (100, 100, 100));
    drop(cache);
    second.try_grow(40).unwrap();
    drop((first, second));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_pool_on_a_child_has_its_own_total_and_both_limits() {
    let all = Arc::new(Budget::new(100).unwrap());
    let own = Arc::new(all.child(60).unwrap());
    let pool: Arc<dyn MemoryPool> = Arc::new(PerCpuMemoryPool::with_budget(own));
    let cache = all.try_reserve(50).unwrap();
    let query = consumer("query", &pool);
    query.try_grow(50).unwrap();
    query.try_grow(1).unwrap_err();
    assert_eq!((pool.reserved(), all.used()), (50, 100));
    drop(cache);
    query.try_grow(11).unwrap_err();
    query.try_grow(10).unwrap();
    assert_eq!((pool.reserved(), all.used()), (60, 60));
    drop(query);
    assert_eq!((pool.reserved(), all.used()), (0, 0));
}

#[test]
fn it_is_shown_by_name_use_and_limit() {
    let own = Arc::new(PerCpuMemoryPool::new(4 << 20).unwrap());
    let pool: Arc<dyn MemoryPool> = Arc::clone(&own) as _;
    let held = consumer("held", &pool);
    held.try_grow(1536).unwrap();
    assert_eq!(own.to_string(), "percpu(used: 1536.0 B, limit: 4.0 MB)");
    assert_eq!(pool.name(), "percpu");
    assert!(format!("{own:?}").starts_with("PerCpuMemoryPool"));
    assert!(pool.is::<PerCpuMemoryPool>());
}

/// No stock of another CPU may lead to a refusal while there is memory.
#[test]
fn threads_that_take_all_they_get_end_exactly_at_the_limit() {
    const LIMIT: usize = 10_000 << 10;
    let pool = pool(LIMIT);
    let held: Vec<MemoryReservation> = thread::scope(|s| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                s.spawn(|| {
                    let all = consumer("all", &pool);
                    while all.try_grow(1 << 10).is_ok() {}
                    all
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(held.iter().map(MemoryReservation::size).sum::<usize>(), LIMIT);
    assert_eq!(pool.reserved(), LIMIT);
    drop(held);
    assert_eq!(pool.reserved(), 0);
}

#[test]
fn the_limit_holds_at_every_instant_while_threads_grow_and_shrink() {
    const LIMIT: usize = 4 << 20; // much of which lies in stocks, at times
    let pool = pool(LIMIT);
    // At any instant no more than what is reserved: added to after a grant, taken
    // from before what was granted is given back.
    let granted = AtomicUsize::new(0);
    let refusals = AtomicUsize::new(0);
    thread::scope(|s| {
        for thread in 0..8_u64 {
            let (pool, granted, refusals) = (&pool, &granted, &refusals);
            s.spawn(move || {
                let mine = consumer("mine", pool);
                let mut random = thread + 1;
                for _ in 0..200_000 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let bytes = (random >> 20) as usize % (64 << 10);
                    if random % 2 == 0 {
                        if mine.try_grow(bytes).is_ok() {
                            let now = granted.fetch_add(bytes, SeqCst) + bytes;
                            assert!(now <= LIMIT, "{now} of {LIMIT}");
                        } else {
                            refusals.fetch_add(1, SeqCst);
                        }
                    } else {
                        let bytes = bytes.min(mine.size());
                        granted.fetch_sub(bytes, SeqCst);
                        mine.shrink(bytes);
                    }
                }
                granted.fetch_sub(mine.size(), SeqCst);
            });
        }
    });
    assert!(refusals.into_inner() > 0, "the limit was never reached");
    assert_eq!(granted.into_inner(), 0);
    assert_eq!(pool.reserved(), 0);
}
