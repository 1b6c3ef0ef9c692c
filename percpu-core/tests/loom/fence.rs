//! The fence: what a protocol may conclude after it.

use std::sync::Arc;

use percpu_core::atomic::{AtomicBool, AtomicU64, Ordering};
use percpu_core::model::{Builder, Outcomes};
use percpu_core::{PerCpu, fence};

/// The asymmetric pair that every protocol on the fence is made of. One side
/// commits and then looks whether it was stopped, without any barrier; the
/// other stops, fences, and then looks for commits. One of them sees the other.
#[test]
fn commit_then_look_against_stop_then_fence() {
    static SEEN: Outcomes<(u64, bool)> = Outcomes::new();
    Builder::new().check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = (Arc::clone(&word), Arc::clone(&stop));
        let local = machine.spawn_on(0, move || {
            theirs.0.inc();
            theirs.1.load(Ordering::Relaxed)
        });
        let remote = machine.spawn_on(1, move || {
            stop.store(true, Ordering::Relaxed);
            fence::all().unwrap();
            word.sum()
        });
        let (stopped, sum) = (local.join().unwrap(), remote.join().unwrap());
        assert!(stopped || sum == 1, "neither saw the other");
        SEEN.saw((sum, stopped));
    });
    SEEN.assert_exactly([(0, true), (1, false), (1, true)]);
}

/// As above, by the fence for one unit, with the thread that cannot be migrated
/// out of it.
#[test]
fn commit_then_look_against_stop_then_fence_of_one_unit() {
    static SEEN: Outcomes<(u64, bool)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = (Arc::clone(&word), Arc::clone(&stop));
        let local = machine.spawn_on(0, move || {
            theirs.0.inc();
            theirs.1.load(Ordering::Relaxed)
        });
        let remote = machine.spawn_without_rseq(move || {
            stop.store(true, Ordering::Relaxed);
            let unit = percpu_core::Unit::all().unwrap().next().unwrap();
            fence::unit(unit).unwrap();
            word.on(unit).load()
        });
        let (stopped, count) = (local.join().unwrap(), remote.join().unwrap());
        assert!(stopped || count == 1, "neither saw the other");
        SEEN.saw((count, stopped));
    });
    SEEN.assert_exactly([(0, true), (1, false), (1, true)]);
}
