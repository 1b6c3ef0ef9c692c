//! Floating-point numbers: what is added per CPU, and set from elsewhere.

use std::sync::Arc;

use percpu_core::model::{Builder, Outcomes};
use percpu_counter::__PerCpuF64 as PerCpuF64;

/// An addition counts as before a `set` or as after it, for everybody alike, and who
/// looks on sees no other value.
#[test]
fn float_set_against_add() {
    static SEEN: Outcomes<u64> = Outcomes::new();
    static LEFT: Outcomes<u64> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let number = Arc::new(PerCpuF64::new(0.0));
        let theirs = Arc::clone(&number);
        let adder = machine.spawn_on(0, move || theirs.add(2.0));
        let theirs = Arc::clone(&number);
        let setter = machine.spawn_on(1, move || theirs.set(10.0));
        let theirs = Arc::clone(&number);
        let reader = machine.spawn_on(1, move || theirs.get());
        adder.join().unwrap();
        setter.join().unwrap();
        let seen = reader.join().unwrap() as u64;
        assert!([0, 2, 10, 12].contains(&seen), "saw {seen}");
        SEEN.saw(seen);
        LEFT.saw(number.get() as u64);
    });
    SEEN.assert_exactly([0, 2, 10, 12]);
    LEFT.assert_exactly([10, 12]);
}

/// What is added after a `set` stays, though another thread of this CPU still has the
/// epoch from before; and nothing from before comes back.
#[test]
fn float_add_after_set_against_a_late_add() {
    static LEFT: Outcomes<u64> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let number = Arc::new(PerCpuF64::new(0.0));
        number.add(40.0);
        let theirs = Arc::clone(&number);
        let late = machine.spawn_on(0, move || theirs.add(2.0));
        let theirs = Arc::clone(&number);
        let setter = machine.spawn_on(0, move || {
            theirs.set(10.0);
            theirs.add(3.0);
        });
        late.join().unwrap();
        setter.join().unwrap();
        let left = number.get() as u64;
        assert!([13, 15].contains(&left), "left {left}");
        LEFT.saw(left);
    });
    LEFT.assert_exactly([13, 15]);
}
