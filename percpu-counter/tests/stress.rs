//! Everything is accounted for: sixteen threads under migration and signals, in every
//! mode.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Random;
use percpu_counter::{Counter, CounterFields, CounterSet, Gauge, Max, counter, counter_set};

counter_set! {
    /// Each update adds 1 to `a` and 2 to `b`.
    struct Pair { a, b }
}

counter! {
    static IN_HANDLER: Counter;
    static COUNTED: Counter;
    static LEAST: Min<i64>;
    static UPDATES: CounterSet<Pair>;
}

const THREADS: usize = 16;

/// A storm whose signals are counted, too.
fn in_a_storm(work: impl Fn(usize) + Sync) {
    // A handler's operations must find everything set up.
    IN_HANDLER.inc();
    common::handle_sigusr1(|| IN_HANDLER.inc());
    common::in_a_storm(THREADS, work);
    assert!(IN_HANDLER.take() > 1, "the storm blew");
}

#[test]
fn every_addition_is_taken_once_in_a_storm() {
    common::in_each_mode("every_addition_is_taken_once_in_a_storm", || {
        let (counter, gauge) = (Counter::new().unwrap(), Gauge::new().unwrap());
        let each = common::scaled(200_000);
        let working = AtomicUsize::new(THREADS - 1);
        let taken = Mutex::new((0, 0));
        in_a_storm(|thread| {
            if thread == 0 {
                let mut taken = taken.lock().unwrap();
                while working.load(Ordering::Acquire) > 0 {
                    taken.0 += counter.take();
                    taken.1 += COUNTED.take();
                    // What goes up first and then down by less is never negative by
                    // more than what is under way.
                    let under_way = (THREADS as i64 - 1) * each as i64;
                    assert!((-under_way..=2 * under_way).contains(&gauge.sum()));
                }
                return;
            }
            for n in 1..=each {
                counter.add(n);
                COUNTED.inc();
                gauge.add(n.cast_signed());
                gauge.sub(n.cast_signed() - 1);
            }
            working.fetch_sub(1, Ordering::AcqRel);
        });
        let (threads, taken) = (THREADS as u64 - 1, taken.into_inner().unwrap());
        assert_eq!(taken.0 + counter.sum(), threads * each * (each + 1) / 2);
        assert_eq!(taken.1 + COUNTED.sum(), threads * each);
        assert_eq!(gauge.sum().cast_unsigned(), threads * each);
        gauge.set(-3);
        assert_eq!(gauge.sum(), -3);
        println!("{} taken in the meantime", taken.1);
    });
}

#[test]
fn no_least_and_no_greatest_value_is_lost_in_a_storm() {
    common::in_each_mode("no_least_and_no_greatest_value_is_lost_in_a_storm", || {
        // Few recordings a round and many rounds: so that the best ones race.
        let rounds = common::scaled(10_000) as usize;
        let max: Vec<Max> = (0..rounds).map(|_| Max::new().unwrap()).collect();
        let expected: Mutex<(i64, Vec<u64>)> = Mutex::new((i64::MAX, vec![0; rounds]));
        in_a_storm(|thread| {
            let mut random = Random(thread as u64 + 1);
            let (mut least, mut greatest) = (i64::MAX, vec![0; rounds]);
            for (max, greatest) in max.iter().zip(&mut greatest) {
                for _ in 0..8 {
                    let value = random.next();
                    max.record(value);
                    assert!(max.get() >= Some(value));
                    *greatest = value.max(*greatest);
                    LEAST.record(value.cast_signed());
                    least = least.min(value.cast_signed());
                }
            }
            let mut all = expected.lock().unwrap();
            all.0 = all.0.min(least);
            all.1.iter_mut().zip(greatest).for_each(|(all, mine)| *all = mine.max(*all));
        });
        let (least, greatest) = expected.into_inner().unwrap();
        assert_eq!(LEAST.get(), Some(least));
        for (round, (max, expected)) in max.iter().zip(greatest).enumerate() {
            assert_eq!(max.get(), Some(expected), "in round {round}");
        }
    });
}

/// Row CT-10: a snapshot is consistent on each CPU.
#[test]
fn no_row_of_a_snapshot_shows_half_an_update_in_a_storm() {
    common::in_each_mode("no_row_of_a_snapshot_shows_half_an_update_in_a_storm", || {
        let set = CounterSet::<Pair>::new().unwrap();
        let each = common::scaled(20_000);
        let working = AtomicUsize::new(THREADS - 2);
        let taken = Mutex::new(Pair::ZERO);
        let update = |pair: &mut Pair| {
            pair.a += 1;
            // Here a torn one would be seen.
            std::hint::black_box(&mut *pair);
            pair.b += 2;
        };
        let snapshots = AtomicUsize::new(0);
        in_a_storm(|thread| match thread {
            0 => {
                while working.load(Ordering::Acquire) > 0 {
                    for seen in [set.snapshot().unwrap(), UPDATES.snapshot().unwrap()] {
                        for (unit, pair) in seen.rows() {
                            assert_eq!(pair.b, 2 * pair.a, "torn on {unit}");
                        }
                    }
                    snapshots.fetch_add(1, Ordering::Relaxed);
                }
            }
            1 => {
                let mut all = taken.lock().unwrap();
                while working.load(Ordering::Acquire) > 0 {
                    let taken = UPDATES.take().unwrap();
                    for (unit, pair) in taken.rows() {
                        assert_eq!(pair.b, 2 * pair.a, "torn on {unit}");
                    }
                    *all = all.plus(taken.total());
                }
            }
            _ => {
                for _ in 0..each {
                    set.with(update);
                    UPDATES.with(update);
                }
                working.fetch_sub(1, Ordering::AcqRel);
            }
        });
        let a = (THREADS as u64 - 2) * each;
        assert_eq!(set.snapshot().unwrap().total(), Pair { a, b: 2 * a });
        let taken = taken.into_inner().unwrap();
        assert_eq!(taken.plus(UPDATES.snapshot().unwrap().total()), Pair { a, b: 2 * a });
        println!("{} snapshots, {} taken in the meantime", snapshots.into_inner(), taken.a);
    });
}
