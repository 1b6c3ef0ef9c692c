//! The search by shuttle itself.
#![cfg(percpu_shuttle)]

use std::process::Command;
use std::sync::Arc;

use percpu_core::PerCpu;
use percpu_core::atomic::AtomicU64;
use percpu_core::model::{Builder, Outcomes};

/// What it draws reaches each end of a small model, and many faults in one execution.
#[test]
fn each_end_is_drawn() {
    static UNITS: Outcomes<[u64; 2]> = Outcomes::new();
    static ABORTS: Outcomes<u64> = Outcomes::new();
    Builder::new().check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let adders = [0, 0].map(|cpu| {
            let word = Arc::clone(&word);
            machine.spawn_on(cpu, move || word.inc())
        });
        adders.into_iter().for_each(|adder| adder.join().unwrap());
        let mut units = percpu_core::Unit::all().unwrap().map(|unit| word.on(unit).load());
        UNITS.saw([units.next().unwrap(), units.next().unwrap()]);
        ABORTS.saw(machine.aborts());
    });
    if std::env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with("PERCPU_")) {
        return; // Somebody wants another search.
    }
    for units in [[2, 0], [1, 1], [0, 2]] {
        assert!(UNITS.has_seen(&units), "{units:?} was never drawn");
    }
    for aborts in 0..=4 {
        assert!(ABORTS.has_seen(&aborts), "{aborts} aborts were never drawn");
    }
}

/// A schedule that a failure printed fails again, alone, with the faults that were in it.
#[test]
fn a_failing_schedule_repeats() {
    let run = |schedule: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "words::preempted_between_load_and_commit", "--nocapture"])
            .env("PERCPU_LOOM_MUTATE", "no_restart")
            .env("PERCPU_SHUTTLE_SCHEDULE", schedule)
            .output()
            .unwrap();
        assert!(!output.status.success(), "it passed");
        String::from_utf8(output.stderr).unwrap()
    };
    let told = run("");
    assert!(told.contains("failed in an execution by the random scheduler"), "{told}");
    let (_, schedule) = told.split_once("failing schedule:\n\"\n").expect("a schedule");
    let (schedule, _) = schedule.split_once("\n\"").expect("its end");
    let again = run(schedule);
    assert!(again.contains("failed in an execution by the schedule"), "{again}");
    let faults = |told: &str| {
        told.lines()
            .filter(|line| line.starts_with("percpu model:   "))
            .map(str::to_owned)
            .collect()
    };
    let (first, second): (Vec<_>, Vec<_>) = (faults(&told), faults(&again));
    assert!(!first.is_empty(), "no fault, no failure");
    assert_eq!(first, second);
}
