//! Approximate counters: exact sums while units tell.

use std::sync::Arc;

use percpu_core::Unit;
use percpu_core::model::{Builder, Outcomes};
use percpu_counter::ApproxCounter;

/// Whatever a thread carries to the count, a sum has it once.
#[test]
fn sum_against_folds() {
    static SUMS: Outcomes<i64> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let counter = Arc::new(ApproxCounter::with_batch(2).unwrap());
        counter.inc();
        let theirs = Arc::clone(&counter);
        let folds = machine.spawn_on(0, move || theirs.inc());
        let theirs = Arc::clone(&counter);
        let sums = machine.spawn_on(1, move || theirs.sum());
        folds.join().unwrap();
        let sum = sums.join().unwrap();
        assert!(sum == 1 || sum == 2, "{sum}");
        assert_eq!(counter.sum(), 2);
        SUMS.saw(sum);
    });
    SUMS.assert_exactly([1, 2]);
}

/// Two threads of one CPU that carry what is there to the count: each addition once.
#[test]
fn fold_against_fold() {
    static READ: Outcomes<i64> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let counter = Arc::new(ApproxCounter::with_batch(2).unwrap());
        counter.inc();
        let folds = [(), ()].map(|()| {
            let theirs = Arc::clone(&counter);
            machine.spawn_on(0, move || theirs.inc())
        });
        folds.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counter.sum(), 3, "lost or twice");
        READ.saw(counter.read());
    });
    // The second one came before the word was open again, or after.
    READ.assert_exactly([2, 3]);
}

/// Two who may add one more: one of them does.
#[test]
fn limited_add_against_limited_add() {
    static ADDED: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let counter = Arc::new(ApproxCounter::with_batch(9).unwrap());
        let threads = [(), ()].map(|()| {
            let theirs = Arc::clone(&counter);
            machine.spawn_on(0, move || theirs.add_limited(1, 1))
        });
        let added = threads.map(|thread| thread.join().unwrap());
        assert!(added[0] != added[1], "over the limit, or refused without reason");
        assert_eq!(counter.sum(), 1);
        ADDED.saw(added);
    });
    ADDED.assert_exactly([[true, false], [false, true]]);
}

/// A fold from afar takes all there is, once.
#[test]
fn add_against_fold_on() {
    static READ: Outcomes<i64> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let counter = Arc::new(ApproxCounter::with_batch(9).unwrap());
        let theirs = Arc::clone(&counter);
        let adds = machine.spawn_on(0, move || theirs.inc());
        let theirs = Arc::clone(&counter);
        let folds = machine.spawn_without_rseq(move || {
            theirs.fold_on(Unit::all().unwrap().next().unwrap()).unwrap();
        });
        adds.join().unwrap();
        folds.join().unwrap();
        assert_eq!(counter.sum(), 1, "lost or twice");
        READ.saw(counter.read());
    });
    READ.assert_exactly([0, 1]);
}
