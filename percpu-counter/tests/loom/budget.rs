//! Budgets: never over the limit, no refusal without reason.

use std::sync::Arc;

use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::{Builder, Machine, Outcomes};
use percpu_counter::Budget;

/// Open from the start, with a stock of one on each unit.
fn budget(limit: u64) -> Arc<Budget> {
    Arc::new(Budget::builder().limit(limit).stock(1).build().unwrap())
}

#[derive(Clone, Copy)]
enum Other {
    On(u32),
    WithoutRseq,
}

/// All but one is taken, and that lies in the stock of the CPU that the model's
/// closure is on: one of two gets it.
fn one_of_two_gets_the_last_one(machine: Machine, others: [Other; 2]) -> [bool; 2] {
    let limit = 2 * u64::from(machine.cpus() + 1);
    let budget = budget(limit);
    budget.try_charge(1).unwrap();
    budget.try_charge(limit - 2).unwrap();
    let threads = others.map(|other| {
        let theirs = Arc::clone(&budget);
        let work = move || theirs.try_charge(1).is_ok();
        match other {
            Other::On(cpu) => machine.spawn_on(cpu, work),
            Other::WithoutRseq => machine.spawn_without_rseq(work),
        }
    });
    let got = threads.map(|thread| thread.join().unwrap());
    assert_eq!(u64::from(got[0]) + u64::from(got[1]), 1, "one was left: {got:?}");
    assert_eq!(budget.used(), limit);
    assert!(budget.try_charge(1).is_err());
    got
}

#[test]
fn charge_against_charge() {
    static GOT: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        GOT.saw(one_of_two_gets_the_last_one(machine, [Other::On(0), Other::On(1)]));
    });
    GOT.assert_exactly([[true, false], [false, true]]);
}

#[test]
fn charge_against_charge_on_the_shared_unit() {
    static GOT: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        GOT.saw(one_of_two_gets_the_last_one(machine, [Other::On(0), Other::WithoutRseq]));
    });
    GOT.assert_exactly([[true, false], [false, true]]);
}

#[test]
fn portable_charge_against_charge() {
    static GOT: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().portable().preemptions(2).check(|machine| {
        GOT.saw(one_of_two_gets_the_last_one(machine, [Other::On(0), Other::On(1)]));
    });
    GOT.assert_exactly([[true, false], [false, true]]);
}

/// Two are left; who takes one finds room, whatever the other carries about.
#[test]
fn a_charge_beside_a_stock_that_is_filled() {
    static GOT: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let budget = budget(6);
        budget.try_charge(4).unwrap();
        let theirs = Arc::clone(&budget);
        let one = machine.spawn_on(0, move || {
            theirs.try_charge(1).expect("room for it");
            theirs.uncharge(1);
        });
        let theirs = Arc::clone(&budget);
        let other = machine.spawn_on(1, move || theirs.try_charge(1).is_ok());
        one.join().unwrap();
        let got = other.join().unwrap();
        assert!(got, "a refusal without reason");
        assert_eq!(budget.used(), 5);
        GOT.saw(got);
    });
    GOT.assert_exactly([true]);
}

/// In two steps: alone, or a turn is lost.
fn take_turn(turns: &AtomicU64) {
    let turn = turns.load(Relaxed);
    turns.store(turn + 1, Relaxed);
}

/// All is charged. One is given back, to a stock or to the middle; who gets it sees what
/// was done before by who gave it.
#[test]
fn charges_against_uncharge() {
    static GOT: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let (budget, turns) = (budget(4), Arc::new(AtomicU64::new(0)));
        // Not more than a stock holds at a time, or the stock would be closed.
        [1, 1, 2].iter().for_each(|&n| budget.try_charge(n).unwrap());
        let (theirs, turn) = (Arc::clone(&budget), Arc::clone(&turns));
        let gives = machine.spawn_on(0, move || {
            take_turn(&turn);
            theirs.uncharge(1);
        });
        let charges = [(), ()].map(|()| {
            let (theirs, turn) = (Arc::clone(&budget), Arc::clone(&turns));
            machine.spawn_without_rseq(move || {
                theirs.try_charge(1).is_ok().then(|| take_turn(&turn)).is_some()
            })
        });
        gives.join().unwrap();
        let [one, other] = charges.map(|thread| thread.join().unwrap());
        assert!(!(one && other), "two of one");
        assert_eq!(turns.load(Relaxed), 1 + u64::from(one || other), "not seen");
        GOT.saw((one, other));
    });
    GOT.assert_exactly([(false, false), (true, false), (false, true)]);
}

/// Two who give back so much that the budget opens, which one of them does.
#[test]
fn uncharge_against_uncharge() {
    static OPEN: Outcomes<(u64, u64)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let budget = budget(8);
        budget.try_charge(8).unwrap();
        assert!(budget.try_charge(1).is_err(), "closed");
        let threads = [(), ()].map(|()| {
            let theirs = Arc::clone(&budget);
            machine.spawn_without_rseq(move || {
                theirs.uncharge(4);
                theirs.available()
            })
        });
        let [one, other] = threads.map(|thread| thread.join().unwrap());
        assert_eq!(budget.used(), 0);
        budget.try_charge(8).expect("all of it");
        assert!(budget.try_charge(1).is_err(), "opened twice, which makes one more");
        OPEN.saw((one, other));
    });
    OPEN.assert_seen([(4, 8), (8, 4), (8, 8)]);
}

/// One is left, and goes round.
#[test]
fn portable_charge_and_uncharge_against_each_other() {
    static GOT: Outcomes<u64> = Outcomes::new();
    Builder::new().cpus(1).portable().preemptions(2).check(|machine| {
        let (budget, turns) = (budget(4), Arc::new(AtomicU64::new(0)));
        [1, 2].iter().for_each(|&n| budget.try_charge(n).unwrap());
        let threads = [(), (), ()].map(|()| {
            let (theirs, turn) = (Arc::clone(&budget), Arc::clone(&turns));
            machine.spawn_on(0, move || {
                let got = theirs.try_charge(1).is_ok();
                if got {
                    take_turn(&turn);
                    theirs.uncharge(1);
                }
                u64::from(got)
            })
        });
        let got = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(turns.load(Relaxed), got, "two had the last one");
        assert_eq!(budget.used(), 3);
        GOT.saw(got);
    });
    GOT.assert_seen([1, 2, 3]);
}

/// Too little for one is enough for the other: what is being taken out of the stocks is
/// not gone meanwhile.
#[test]
fn refusal_beside_a_charge_with_reason() {
    static GOT: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let budget = budget(4);
        budget.try_charge(1).unwrap();
        budget.try_charge(2).unwrap();
        let theirs = Arc::clone(&budget);
        let two = machine.spawn_without_rseq(move || theirs.try_charge(2).is_ok());
        let theirs = Arc::clone(&budget);
        let one = machine.spawn_without_rseq(move || theirs.try_charge(1).is_ok());
        assert!(!two.join().unwrap(), "two of one");
        let got = one.join().unwrap();
        assert!(got, "a refusal without reason");
        GOT.saw(got);
    });
    GOT.assert_exactly([true]);
}

/// One is held. Once the limit is one, nobody gets another.
#[test]
fn reserve_against_limit_change() {
    static GOT: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let budget = budget(4);
        budget.try_charge(1).unwrap();
        let theirs = Arc::clone(&budget);
        let charges = machine.spawn_on(0, move || theirs.try_charge(1).is_ok());
        let theirs = Arc::clone(&budget);
        let changes = machine.spawn_on(0, move || {
            theirs.set_limit(1).unwrap();
            assert!(theirs.try_charge(1).is_err(), "over the limit");
        });
        let got = charges.join().unwrap();
        changes.join().unwrap();
        assert_eq!(budget.used(), 1 + u64::from(got));
        GOT.saw(got);
    });
    GOT.assert_exactly([true, false]);
}
