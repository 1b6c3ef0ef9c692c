//! The search over plans itself.
#![cfg(not(percpu_shuttle))]

use percpu_core::PerCpu;
use percpu_core::atomic::AtomicU64;
use percpu_core::model::{Builder, Outcomes, Plan};

#[test]
fn plans_as_text_and_back() {
    for text in ["none", "0.0", "1.2+2.0", "1.2+1.10"] {
        assert_eq!(text.parse::<Plan>().unwrap().to_string(), text);
    }
    for text in ["", "1", "1.", "1.2+", "a.b"] {
        assert!(text.parse::<Plan>().is_err(), "{text}");
    }
}

/// One section has two chances (to be migrated, to be aborted). Either repeats
/// both, and an abort adds one to be migrated before.
#[test]
fn each_chance_that_some_run_comes_by_makes_a_plan() {
    static ABORTS: Outcomes<u64> = Outcomes::new();
    if std::env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with("PERCPU_LOOM_")) {
        return; // Somebody wants other bounds.
    }
    let report = Builder::new().cpus(1).faults(2).preemptions(1).check(|machine| {
        PerCpu::<AtomicU64>::zeroed().unwrap().inc();
        ABORTS.saw(machine.aborts());
    });
    // none; 0, 1; 0+1, 0+2; 1+2, 1+3, 1+4.
    assert_eq!((report.plans, report.executions), (8, 8));
    ABORTS.assert_exactly([0, 1, 2]);
}

/// What a failure prints can be given to `Builder::plan`.
#[test]
fn one_plan_alone() {
    let plan = "0.1".parse().unwrap();
    let report = Builder::new().plan(plan).check(|machine| {
        PerCpu::<AtomicU64>::zeroed().unwrap().inc();
        if std::env::var_os("PERCPU_LOOM_PLAN").is_none() {
            assert_eq!(machine.aborts(), 1);
        }
    });
    assert_eq!(report.plans, 1);
}
