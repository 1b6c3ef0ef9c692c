//! Models of counters; run by `ci/loom.sh`.
#![cfg(all(percpu_loom, not(percpu_plain)))]

mod approx;
mod budget;
mod domain;
mod float;
mod rwlock;
mod scaled;
mod set;
#[path = "../../../percpu-core/tests/loom/sized.rs"]
mod sized;
mod values;

use std::sync::Arc;

use percpu_core::model::{Builder, Outcomes};
use percpu_counter::{Counter, counter};

/// Each addition is taken exactly once, whenever the take comes.
#[test]
fn take_against_add() {
    static TAKEN: Outcomes<(u64, u64)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let counter = Arc::new(Counter::new().unwrap());
        let adders = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&counter);
            machine.spawn_on(cpu, move || theirs.inc())
        });
        let theirs = Arc::clone(&counter);
        let taker = machine.spawn_on(1, move || theirs.take());
        adders.into_iter().for_each(|adder| adder.join().unwrap());
        let taken = taker.join().unwrap();
        let rest = counter.take();
        assert_eq!(taken + rest, 2, "lost or counted twice");
        TAKEN.saw((taken, rest));
    });
    TAKEN.assert_exactly([(0, 2), (1, 1), (2, 0)]);
}

/// Two takers share what there is.
#[test]
fn take_against_take() {
    static TAKEN: Outcomes<(u64, u64)> = Outcomes::new();
    Builder::new().check(|machine| {
        let counter = Arc::new(Counter::new().unwrap());
        let theirs = Arc::clone(&counter);
        let adder = machine.spawn_on(0, move || theirs.add(3));
        let takers = [(), ()].map(|()| {
            let theirs = Arc::clone(&counter);
            machine.spawn_on(1, move || theirs.take())
        });
        adder.join().unwrap();
        let [a, b] = takers.map(|taker| taker.join().unwrap());
        assert_eq!(a + b + counter.sum(), 3, "lost or counted twice");
        TAKEN.saw((a, b));
    });
    TAKEN.assert_exactly([(0, 0), (3, 0), (0, 3)]);
}

/// A static counter starts at zero in each execution.
#[test]
fn static_counter_beside_its_reader() {
    counter! { static REQUESTS: Counter; }
    static SUMS: Outcomes<u64> = Outcomes::new();
    Builder::new().check(|machine| {
        let adder = machine.spawn_on(0, || REQUESTS.add(2));
        let reader = machine.spawn_on(1, || SUMS.saw(REQUESTS.sum()));
        adder.join().unwrap();
        reader.join().unwrap();
        assert_eq!(REQUESTS.take(), 2);
        assert_eq!(REQUESTS.sum(), 0);
    });
    SUMS.assert_exactly([0, 2]);
}
