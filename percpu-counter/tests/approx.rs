//! Approximate counters: the bound, when units tell, and what adds up.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::cmp::Ordering;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::time::Instant;

use common::{Random, handle_sigusr1, in_a_storm, in_each_mode, set_affinity};
use percpu_core::Unit;
use percpu_counter::{ApproxCounter, ApproxCounters, counter};
use proptest::prelude::*;

fn is_rseq() -> bool {
    percpu_core::info().unwrap().mode().is_rseq()
}

#[derive(Clone, Debug)]
enum Step {
    Add(i64),
    AddBatch(i64, u32),
    AddLocal(i64),
    Set(i64),
    Sync,
    Fold(usize),
    Compare(i64),
    Limited(i64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let n = prop_oneof![3 => -40..40_i64, 1 => -100_000..100_000_i64];
    prop_oneof![
        6 => n.clone().prop_map(Step::Add),
        1 => (n.clone(), 0..80_u32).prop_map(|(n, batch)| Step::AddBatch(n, batch)),
        1 => n.clone().prop_map(Step::AddLocal),
        1 => n.clone().prop_map(Step::Set),
        1 => Just(Step::Sync),
        1 => (0..3_usize).prop_map(Step::Fold),
        2 => n.clone().prop_map(Step::Compare),
        2 => (n.clone(), n).prop_map(|(limit, n)| Step::Limited(limit, n)),
    ]
}

proptest! {
    #[test]
    fn alone_it_is_a_number(batch in 0..70_u32, steps in prop::collection::vec(step(), 0..150)) {
        let counter = ApproxCounter::with_batch(batch).unwrap();
        let mut plain = 0_i64;
        for step in steps {
            match step {
                Step::Add(n) => {
                    counter.add(n);
                    plain += n;
                }
                Step::AddBatch(n, batch) => {
                    counter.add_with_batch(n, batch);
                    plain += n;
                }
                Step::AddLocal(n) => {
                    counter.add_local(n);
                    plain += n;
                }
                Step::Set(n) => {
                    counter.set(n);
                    plain = n;
                }
                Step::Sync => counter.sync(),
                Step::Fold(unit) => {
                    let mut units = Unit::all().unwrap();
                    let unit = units.nth(unit % units.len()).unwrap();
                    counter.fold_on(unit).unwrap();
                }
                Step::Compare(other) => prop_assert_eq!(counter.compare(other), plain.cmp(&other)),
                Step::Limited(limit, n) => {
                    let fits = match n.cmp(&0) {
                        Ordering::Greater => plain + n <= limit,
                        Ordering::Equal => true,
                        Ordering::Less => plain + n >= limit,
                    };
                    prop_assert_eq!(counter.add_limited(limit, n), fits);
                    plain += if fits { n } else { 0 };
                }
            }
            prop_assert_eq!(counter.sum(), plain);
            prop_assert_eq!(counter.sum_positive(), plain.max(0));
            prop_assert_eq!(counter.read_positive(), counter.read().max(0));
        }
        counter.fold_on(Unit::all().unwrap().next().unwrap()).unwrap();
        Unit::all().unwrap().for_each(|unit| counter.fold_on(unit).unwrap());
        prop_assert_eq!(counter.read(), plain, "all was told");
    }
}

/// CT-03, and CT-09: going up and down around the batch does not tell each time.
#[test]
fn a_unit_tells_when_it_has_a_batch() {
    in_each_mode("a_unit_tells_when_it_has_a_batch", || {
        common::pin();
        let counter = ApproxCounter::with_batch(32).unwrap();
        (0..31).for_each(|_| counter.inc());
        assert_eq!((counter.read(), counter.sum()), (0, 31));
        counter.inc();
        assert_eq!(counter.read(), 32);
        (0..31).for_each(|_| counter.dec());
        assert_eq!((counter.read(), counter.sum()), (32, 1));
        counter.dec();
        assert_eq!((counter.read(), counter.sum()), (0, 0));

        (0..31).for_each(|_| counter.inc());
        let mut folds = 0;
        for n in 0..1000 {
            let before = counter.read();
            counter.add(if n % 2 == 0 { 1 } else { -1 });
            folds += usize::from(counter.read() != before);
        }
        assert!(folds <= 1000 / 16, "{folds} folds");
    });
}

/// CT-03: the kernel's default.
#[test]
fn the_default_batch() {
    let cpus = Unit::all().unwrap().len() as u64 - 1;
    let counter = ApproxCounter::new().unwrap();
    assert_eq!(counter.error_bound(), (2 * cpus).max(32) * cpus);
}

/// CT-01: exact in the end, and within the bound all the time.
#[test]
fn never_further_than_the_bound_in_a_storm() {
    in_each_mode("never_further_than_the_bound_in_a_storm", || {
        handle_sigusr1(|| ());
        let counter = ApproxCounter::with_batch(8).unwrap();
        // Low is at most, and high at least, what was added at any instant.
        let (low, high) = (AtomicI64::new(0), AtomicI64::new(0));
        let over = AtomicBool::new(false);
        let bound = counter.error_bound() as i64;
        std::thread::scope(|s| {
            let ends = common::Over(&over);
            let watcher = s.spawn(|| {
                let mut looks = 0_u64;
                while !over.load(SeqCst) {
                    let least = low.load(SeqCst);
                    let read = counter.read();
                    let most = high.load(SeqCst);
                    assert!(read >= least - bound && read <= most + bound, "{least} {read} {most}");
                    looks += 1;
                }
                looks
            });
            in_a_storm(16, |n| {
                let mut random = Random(n as u64 + 99);
                let end = common::end_in(200);
                while Instant::now() < end {
                    let n = (random.next() % 7) as i64;
                    // Up only, so that low and high are what they say.
                    high.fetch_add(n, SeqCst);
                    counter.add(n);
                    low.fetch_add(n, SeqCst);
                    if random.next().is_multiple_of(64) {
                        counter.sync();
                    }
                    if random.next().is_multiple_of(512) {
                        let unit = Unit::all().unwrap().nth(random.next() as usize % 3).unwrap();
                        counter.fold_on(unit).unwrap();
                    }
                }
            });
            drop(ends);
            assert!(watcher.join().unwrap() > 0);
        });
        assert_eq!(counter.sum(), low.into_inner());
        Unit::all().unwrap().for_each(|unit| counter.fold_on(unit).unwrap());
        assert_eq!(counter.read(), counter.sum());
    });
}

/// CT-08.
#[test]
fn a_fold_of_a_cpu_keeps_the_sum() {
    in_each_mode("a_fold_of_a_cpu_keeps_the_sum", || {
        common::pin();
        let counter = ApproxCounter::with_batch(100).unwrap();
        counter.add(42);
        assert_eq!(counter.read(), 0);
        let sum = counter.sum();
        for unit in Unit::all().unwrap() {
            std::thread::scope(|s| s.spawn(|| counter.fold_on(unit).unwrap()).join().unwrap());
            assert_eq!(counter.sum(), sum);
        }
        assert_eq!(counter.read(), 42);
        counter.add(1);
        assert_eq!(counter.read(), 42, "the slot is empty, not closed");
    });
}

/// CT-06.
#[test]
fn sync_tells_this_cpus_part_only() {
    if !is_rseq() || common::allowed().count_ones() < 2 {
        println!("one CPU, or no way to tell where a thread adds");
        return;
    }
    let counter = ApproxCounter::with_batch(100).unwrap();
    let on = |cpu: u32, f: &(dyn Fn() + Sync)| {
        std::thread::scope(|s| {
            s.spawn(move || {
                set_affinity(1 << cpu);
                f();
            });
        });
    };
    let cpus = common::allowed();
    let (first, last) = (cpus.trailing_zeros(), 63 - cpus.leading_zeros());
    on(first, &|| counter.add(3));
    on(last, &|| counter.add(5));
    on(first, &|| counter.sync());
    assert_eq!((counter.read(), counter.sum()), (3, 8));
    counter.set(100);
    assert_eq!(counter.sum(), 100);
}

/// CT-05, in both directions.
#[test]
fn limited_additions_end_exactly_at_the_limit() {
    in_each_mode("limited_additions_end_exactly_at_the_limit", || {
        for sign in [1, -1] {
            let counter = ApproxCounter::new().unwrap();
            let limit = sign * 3_001;
            let granted = AtomicI64::new(0);
            std::thread::scope(|s| {
                for _ in 0..64 {
                    s.spawn(|| {
                        while counter.add_limited(limit, sign) {
                            granted.fetch_add(sign, SeqCst);
                        }
                    });
                }
            });
            assert_eq!((granted.into_inner(), counter.sum()), (limit, limit));
        }
    });
}

/// CT-07.
#[test]
fn many_counters_have_one_allocation_and_values_of_their_own() {
    // By itself: what other tests allocate would be counted too.
    in_each_mode("many_counters_have_one_allocation_and_values_of_their_own", || {
        let before = percpu_core::stats().unwrap().nr_alloc;
        let many = ApproxCounters::with_batch(50, 10).unwrap();
        assert_eq!(percpu_core::stats().unwrap().nr_alloc - before, 1);
        for (n, counter) in many.iter().enumerate() {
            counter.add(n as i64);
        }
        assert!(many.iter().enumerate().all(|(n, counter)| counter.sum() == n as i64));
        assert!(many.get(50).is_none());
        assert_eq!(many.at(49).read(), 49, "more than a batch");
        counter! {
            static USUAL: ApproxCounter;
            static OTHER: ApproxCounter = 2;
        }
        USUAL.add(31);
        OTHER.add(31);
        assert_eq!((USUAL.read(), OTHER.read()), (0, 31));
        assert_eq!(ApproxCounters::new(0).unwrap_err(), percpu_core::Error::ZeroSize);
    });
}
