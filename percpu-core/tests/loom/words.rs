//! Operations on words: nothing lost, nothing twice, on whichever CPU.

use std::sync::Arc;

use percpu_core::atomic::AtomicU64;
use percpu_core::model::{Builder, Outcomes};
use percpu_core::{PerCpu, Unit, percpu};

/// Two threads of one CPU: whoever is preempted between its load and its commit
/// loads again.
#[test]
fn preempted_between_load_and_commit() {
    static OLD: Outcomes<(u64, u64)> = Outcomes::new();
    Builder::new().check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let theirs = Arc::clone(&word);
        let a = machine.spawn_on(0, move || theirs.fetch_add(1));
        let theirs = Arc::clone(&word);
        let b = machine.spawn_on(0, move || theirs.fetch_add(1));
        let (a, b) = (a.join().unwrap(), b.join().unwrap());
        assert_eq!(word.sum(), 2, "an addition was lost");
        OLD.saw((a, b));
    });
    // Old values are distinct per unit; who was moved found the other unit.
    OLD.assert_exactly([(0, 1), (1, 0), (0, 0)]);
}

/// The address is one CPU's and the thread has gone on to another, where
/// somebody of the first CPU does not wait for it.
#[test]
fn migrated_between_address_and_commit() {
    static UNITS: Outcomes<(u64, u64)> = Outcomes::new();
    Builder::new().check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let theirs = Arc::clone(&word);
        let moved = machine.spawn_on(0, move || theirs.inc());
        let theirs = Arc::clone(&word);
        let stays = machine.spawn_on(0, move || theirs.inc());
        moved.join().unwrap();
        stays.join().unwrap();
        let units: Vec<_> = Unit::all().unwrap().map(|unit| word.on(unit).load()).collect();
        assert_eq!(units.iter().sum::<u64>(), 2, "an addition was lost");
        UNITS.saw((units[0], units[1]));
    });
    UNITS.assert_exactly([(2, 0), (1, 1), (0, 2)]);
}

/// A compare-exchange that is preempted between load and commit does not
/// overwrite what came in between: exactly one thread wins.
#[test]
fn compare_exchange_against_compare_exchange() {
    static WINNERS: Outcomes<u64> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let threads: Vec<_> = [1, 2]
            .map(|me| {
                let theirs = Arc::clone(&word);
                machine.spawn_on(0, move || theirs.compare_exchange(0, me).is_ok())
            })
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        assert!(threads[0] != threads[1], "one wins: {threads:?}");
        assert_eq!(word.load(), if threads[0] { 1 } else { 2 });
        WINNERS.saw(word.load());
    });
    WINNERS.assert_exactly([1, 2]);
}

/// A sum taken while CPUs add sees each addition or not, and a later sum never
/// less.
#[test]
fn remote_read_against_local_adds() {
    static SUMS: Outcomes<(u64, u64)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let adders = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&word);
            machine.spawn_on(cpu, move || theirs.inc())
        });
        // Last, and not the main thread: loom would not let it be early.
        let theirs = Arc::clone(&word);
        let reader = machine.spawn_on(1, move || (theirs.sum(), theirs.sum()));
        let (first, second) = reader.join().unwrap();
        assert!(first <= second, "went down from {first} to {second}");
        adders.into_iter().for_each(|adder| adder.join().unwrap());
        assert_eq!(word.sum(), 2);
        SUMS.saw((first, second));
    });
    SUMS.assert_exactly([(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]);
}

/// A thread without sections works on the shared unit, so it never meets one.
#[test]
fn thread_without_rseq_beside_one_with() {
    static UNITS: Outcomes<Vec<u64>> = Outcomes::new();
    Builder::new().check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let theirs = Arc::clone(&word);
        let with = machine.spawn_on(0, move || {
            theirs.inc();
            theirs.inc();
        });
        let without = [(), ()].map(|()| {
            let theirs = Arc::clone(&word);
            machine.spawn_without_rseq(move || {
                assert!(Unit::current().unwrap().is_shared());
                theirs.fetch_add(1)
            })
        });
        with.join().unwrap();
        let old = without.map(|thread| thread.join().unwrap());
        assert!(old == [0, 1] || old == [1, 0], "{old:?}");
        UNITS.saw(Unit::all().unwrap().map(|unit| word.on(unit).load()).collect());
    });
    UNITS.assert_exactly([vec![2, 0, 2], vec![1, 1, 2], vec![0, 2, 2]]);
}

/// The portable mode: the same operations, by atomics.
#[test]
fn portable_adds_on_one_unit() {
    static OLD: Outcomes<(u64, u64)> = Outcomes::new();
    Builder::new().portable().check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let adders = [(), ()].map(|()| {
            let theirs = Arc::clone(&word);
            machine.spawn_on(1, move || theirs.fetch_add(1))
        });
        let [a, b] = adders.map(|thread| thread.join().unwrap());
        assert_eq!(word.sum(), 2);
        OLD.saw((a, b));
    });
    OLD.assert_exactly([(0, 1), (1, 0)]);
}

/// A static is made anew in each execution, with its initial value on every
/// unit, whoever uses it first.
#[test]
fn statics_start_anew_in_each_execution() {
    percpu! {
        static WORD: AtomicU64 = AtomicU64::new(5);
        static ARRAY: [AtomicU64; 3] = [const { 0 }; 3].map(AtomicU64::new);
    }
    static SUMS: Outcomes<u64> = Outcomes::new();
    Builder::new().check(|machine| {
        let adder = machine.spawn_on(1, || {
            WORD.inc();
            ARRAY.at(2).add(7);
        });
        let reader = machine.spawn_on(0, || SUMS.saw(WORD.sum()));
        adder.join().unwrap();
        reader.join().unwrap();
        assert_eq!(WORD.sum(), 5 * 3 + 1);
        assert_eq!((ARRAY.at(1).sum(), ARRAY.at(2).sum()), (0, 7));
    });
    SUMS.assert_exactly([15, 16]);
}
