//! As `inject.rs`, for sections behind a switch: with a delay between the look at the
//! switch and the commit, what a switch decides holds.

#![cfg(all(target_os = "linux", percpu_inject, not(percpu_loom), not(miri)))]

mod common;

use percpu_core::atomic::AtomicU64;
use percpu_core::{info, percpu};

percpu! { static SIGNALS: AtomicU64 = AtomicU64::new(0); }

/// Runs `work` in a storm, with delays at `points`. In a child of its own: what waits
/// for ever, as it may where a switch decides nothing, ends it.
fn with_delays_at(points: &[usize], threads: usize, work: impl Fn(usize) + Sync) {
    std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_secs(60));
        eprintln!("this takes too long: somebody waits for ever");
        std::process::abort();
    });
    SIGNALS.prepare().unwrap();
    common::handle_sigusr1(|| SIGNALS.inc());
    points.iter().for_each(|&point| percpu_core::__inject::set(point, 2_000));
    common::in_a_storm(threads, work);
    points.iter().for_each(|&point| percpu_core::__inject::set(point, 0));
    let info = info().unwrap();
    println!("points {points:?}: {} aborts, {}", info.aborts(), info.mode());
    assert!(info.mode().is_rseq(), "this test is about sections");
    assert!(info.aborts() > 0);
}

#[test]
fn references_are_counted_with_a_delay_before_the_commit() {
    common::in_child("references_are_counted_with_a_delay_before_the_commit", &[], || {
        use common::references::Arena;
        let arena = Arena::new(400);
        with_delays_at(&[1, 2], 6, |n| match n {
            0 => arena.replace(common::Random(0x0DD0)),
            _ => arena.use_references(common::Random(0x1DEA << n)),
        });
        println!("{}", arena.account());
    });
}

#[cfg(feature = "lock_api")]
#[test]
fn no_reader_is_in_beside_a_writer_with_a_delay_before_the_commit() {
    use percpu_core::PerCpuRwLock;
    let name = "no_reader_is_in_beside_a_writer_with_a_delay_before_the_commit";
    common::in_child(name, &[], || {
        let lock = PerCpuRwLock::new((0_u64, 0_u64)).unwrap();
        with_delays_at(&[1, 2], 6, |n| {
            for round in 0..3_000 {
                if n == 0 && round % 10 == 0 {
                    let mut pair = lock.write();
                    pair.0 += 1;
                    std::thread::sleep(std::time::Duration::from_micros(50));
                    pair.1 += 1;
                } else {
                    let pair = lock.read();
                    assert_eq!(pair.0, pair.1, "half of a write");
                }
            }
        });
        assert_eq!(lock.into_inner(), (300, 300));
    });
}
