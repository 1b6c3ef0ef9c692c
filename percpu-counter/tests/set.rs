//! Sets of counters: what an update that panics leaves, what a refused fence loses
//! (nothing), and how a snapshot is written down.

#![cfg(not(percpu_loom))]

#[cfg(all(target_os = "linux", not(miri)))]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use percpu_counter::{CounterSet, counter, counter_set};

counter_set! {
    /// What came in.
    #[derive(PartialOrd)]
    pub struct Stats {
        /// How often.
        packets,
        /// How much.
        bytes,
    }
    struct One { only }
}

counter! {
    static STATS: CounterSet<Stats>;
    static ONE: CounterSet<One>;
}

#[test]
fn a_panic_leaves_what_was_written_and_no_lock() {
    let set = CounterSet::<Stats>::new().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        set.with(|stats| {
            stats.packets += 1;
            panic!("half-way");
        })
    }));
    assert!(panicked.is_err());
    // Every unit can be locked, and this CPU's goes on counting.
    assert_eq!(set.snapshot().unwrap().total(), Stats { packets: 1, bytes: 0 });
    set.add(|stats| &mut stats.bytes, 7);
    assert_eq!(set.take().unwrap().total(), Stats { packets: 1, bytes: 7 });
}

#[test]
fn a_snapshot_is_written_as_names_and_values() {
    let set = CounterSet::<Stats>::new().unwrap();
    assert_eq!(set.to_string(), "packets=0 bytes=0");
    set.with(|stats| *stats = Stats { packets: 2, bytes: 3000 });
    let seen = set.snapshot().unwrap();
    assert_eq!(seen.to_string(), "packets=2 bytes=3000");
    assert_eq!(set.to_string(), seen.to_string());
    assert_eq!(seen.iter().collect::<Vec<_>>(), [("packets", 2), ("bytes", 3000)]);
    assert_eq!(format!("{set:?}"), r#"CounterSet { fields: ["packets", "bytes"], .. }"#);
    ONE.inc(|one| &mut one.only);
    assert_eq!(ONE.to_string(), "only=1");
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_as_data_has_totals_and_units() {
    let set = CounterSet::<Stats>::new().unwrap();
    set.with(|stats| *stats = Stats { packets: 2, bytes: 3000 });
    let seen = set.snapshot().unwrap();
    let json = serde_json::to_value(&seen).unwrap();
    assert_eq!(json["total"], serde_json::json!({ "packets": 2, "bytes": 3000 }));
    let units = json["units"].as_object().unwrap();
    assert_eq!(units.len(), seen.rows().len());
    for (unit, stats) in seen.rows() {
        let row = serde_json::json!({ "packets": stats.packets, "bytes": stats.bytes });
        assert_eq!(units[&unit.to_string()], row);
    }
}

/// Each thread's updates are one unit's, where threads stay on one CPU.
#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn rows_are_those_of_the_units_that_counted() {
    common::in_child("rows_are_those_of_the_units_that_counted", &[], || {
        let cpus = (0..64).filter(|cpu| common::allowed() >> cpu & 1 == 1);
        let mut expected = 0;
        for cpu in cpus {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    common::set_affinity(1 << cpu);
                    (0..=cpu).for_each(|_| STATS.inc(|stats| &mut stats.packets));
                });
            });
            expected += cpu + 1;
            let seen = STATS.snapshot().unwrap();
            assert_eq!(seen.total().packets, expected);
            let by_cpu = common::by_cpu();
            let row = seen
                .rows()
                .iter()
                .find(|(unit, _)| unit.cpu().is_some_and(|id| u64::from(id.get()) == cpu));
            if by_cpu {
                assert_eq!(row.unwrap().1.packets, cpu + 1);
            }
        }
    });
}

/// A sandbox that comes after the start may forbid fences: then nothing is read, and
/// what a `take` had taken from a unit that needs none is not lost.
#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_refused_fence_loses_nothing() {
    use common::filter::{MEMBARRIER, filter, install};
    use percpu_core::{Error, Mode, Registration, Unit, info};
    common::in_child("a_refused_fence_loses_nothing", &[], || {
        ONE.inc(|one| &mut one.only);
        let mode = info().unwrap().mode();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if mode == Mode::Rseq(Registration::Libc) {
                    assert!(common::leave_rseq(), "the kernel lets go of libc's area");
                    assert!(Unit::current().unwrap().is_shared());
                }
                ONE.add(|one| &mut one.only, 20);
            });
        });
        let before = ONE.snapshot().unwrap();
        install(&filter(&[MEMBARRIER], libc::EPERM)).unwrap();
        if !mode.is_rseq() {
            assert_eq!(ONE.take().unwrap(), before);
            return;
        }
        let refused = Error::FenceRefused { errno: libc::EPERM };
        assert_eq!(ONE.snapshot(), Err(refused.clone()));
        assert_eq!(ONE.take(), Err(refused.clone()));
        assert_eq!(ONE.to_string(), format!("({refused})"));
        // What is left, on each CPU in turn: nothing is in the shared unit any more.
        let cpus = common::allowed();
        let mut left = 0;
        for cpu in (0..64).filter(|cpu| cpus >> cpu & 1 == 1) {
            common::set_affinity(1 << cpu);
            left += ONE.with(|one| one.only);
        }
        assert_eq!(left, before.total().only, "put back where this thread was");
    });
}
