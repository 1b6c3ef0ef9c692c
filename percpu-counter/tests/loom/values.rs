//! Values that are set, or recorded, against whoever changes and reads them.

use std::sync::Arc;

use percpu_core::model::{Builder, Outcomes};
use percpu_counter::{Gauge, Max, counter};

/// A change counts as before a `set` or as after it, for everybody alike, and who
/// looks on sees no other value.
#[test]
fn set_against_add() {
    static SEEN: Outcomes<i64> = Outcomes::new();
    static LEFT: Outcomes<i64> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let gauge = Arc::new(Gauge::new().unwrap());
        let theirs = Arc::clone(&gauge);
        let adder = machine.spawn_on(0, move || theirs.add(2));
        let theirs = Arc::clone(&gauge);
        let setter = machine.spawn_on(1, move || theirs.set(10));
        let theirs = Arc::clone(&gauge);
        let reader = machine.spawn_on(1, move || theirs.sum());
        adder.join().unwrap();
        setter.join().unwrap();
        let seen = reader.join().unwrap();
        assert!([0, 2, 10, 12].contains(&seen), "saw {seen}");
        SEEN.saw(seen);
        LEFT.saw(gauge.sum());
    });
    SEEN.assert_exactly([0, 2, 10, 12]);
    LEFT.assert_exactly([10, 12]);
}

/// Of two values recorded on one CPU the greater stays, whoever is preempted; and
/// what somebody sees meanwhile was recorded.
#[test]
fn record_against_record_on_one_cpu() {
    static SEEN: Outcomes<Option<u64>> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let max = Arc::new(Max::new().unwrap());
        let recorders = [3, 5].map(|value| {
            let theirs = Arc::clone(&max);
            machine.spawn_on(0, move || theirs.record(value))
        });
        let theirs = Arc::clone(&max);
        let reader = machine.spawn_on(0, move || theirs.get());
        recorders.into_iter().for_each(|recorder| recorder.join().unwrap());
        SEEN.saw(reader.join().unwrap());
        assert_eq!(max.get(), Some(5), "the greatest value was lost");
    });
    SEEN.assert_exactly([None, Some(3), Some(5)]);
}

/// The value that loses to all others is not nothing, whoever moves between CPUs.
#[test]
fn record_of_the_last_value_against_a_better_one() {
    static SEEN: Outcomes<Option<i64>> = Outcomes::new();
    counter! { static LEAST: Min<i64>; }
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let last = machine.spawn_on(0, || {
            LEAST.record(i64::MAX);
            LEAST.get()
        });
        let better = machine.spawn_on(1, || LEAST.record(7));
        SEEN.saw(last.join().unwrap());
        better.join().unwrap();
        assert_eq!(LEAST.get(), Some(7));
    });
    SEEN.assert_exactly([Some(i64::MAX), Some(7)]);
}
