//! Units: whoever finds one active finds what it holds, and it is counted.

use std::sync::Arc;

use percpu_core::__units::Units;
use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::{Builder, Outcomes};

/// Two first operations on one CPU: it is made active once.
#[test]
fn activate_against_activate() {
    static FOUND: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let units = Arc::new(Units::new(1));
        let threads = [(), ()].map(|()| {
            let theirs = Arc::clone(&units);
            machine.spawn_on(0, move || (theirs.base(0).is_some(), theirs.activate(0)))
        });
        let [(a, base), (b, other)] = threads.map(|thread| thread.join().unwrap());
        assert_eq!(base, other);
        assert_eq!(units.active(), [base], "twice");
        FOUND.saw((a, b));
    });
    FOUND.assert_exactly([(false, false), (true, false), (false, true)]);
}

/// A sum beside the first operation of a CPU: what it counts is whole, and what somebody
/// may have used already it counts.
#[test]
fn activate_against_pass_over_the_active_ones() {
    static FOUND: Outcomes<(bool, usize)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let units = Arc::new(Units::new(1));
        let theirs = Arc::clone(&units);
        let first = machine.spawn_on(0, move || theirs.activate(0));
        let looks = machine.spawn_on(0, move || {
            let usable = units.base(0).is_some();
            let counted = units.active().len();
            assert!(!usable || counted == 1, "in use, and in no sum");
            (usable, counted)
        });
        first.join().unwrap();
        FOUND.saw(looks.join().unwrap());
    });
    FOUND.assert_exactly([(false, 0), (false, 1), (true, 1)]);
}

/// An operation inside an allocation does not wait for who makes another unit active.
#[test]
fn try_activate_against_activate() {
    static FOUND: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let units = Arc::new(Units::new(1));
        let theirs = Arc::clone(&units);
        let first = machine.spawn_on(0, move || theirs.activate(0));
        let theirs = Arc::clone(&units);
        let tries = machine.spawn_on(0, move || theirs.try_activate(1).is_some());
        first.join().unwrap();
        let tried = tries.join().unwrap();
        assert_eq!(units.active().len(), 1 + usize::from(tried));
        FOUND.saw(tried);
    });
    FOUND.assert_exactly([true, false]);
}

/// What a stack's `close` relies on: who finds a unit idle after `settle` may leave it
/// out, as whoever wakes it sees what was stored before.
#[test]
fn activate_against_settle() {
    static FOUND: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(3).check(|machine| {
        let (units, limit) = (Arc::new(Units::new(1)), Arc::new(AtomicU64::new(1)));
        let (theirs, seen) = (Arc::clone(&units), Arc::clone(&limit));
        let pushes = machine.spawn_on(0, move || {
            theirs.activate(0);
            seen.load(Relaxed) == 1
        });
        let closes = machine.spawn_on(0, move || {
            limit.store(0, Relaxed);
            units.settle();
            units.base(0).is_none()
        });
        let (pushed, idle) = (pushes.join().unwrap(), closes.join().unwrap());
        assert!(!(pushed && idle), "pushed to a unit that was left out");
        FOUND.saw((pushed, idle));
    });
    FOUND.assert_exactly([(true, false), (false, false), (false, true)]);
}
