//! As `inject.rs`, for turns: with a delay at the points of the sections nobody goes in
//! by the word whose turn is over, and whoever is inside is counted.
//!
//! Here is the least that a grace period can be; `percpu-counter` has the real one.

#![cfg(all(target_os = "linux", percpu_inject, not(percpu_loom), not(miri)))]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64 as Tally, AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};

use percpu_core::__raw::{InTurn, Turn};
use percpu_core::{fence, info, percpu};

percpu! {
    static WORDS: InTurn = [const { percpu_core::atomic::AtomicU64::new(0) }; 2];
}
static TURN: Turn = Turn::new();

/// How many hands hold each of the values that may be found, which is poison else.
const CELLS: usize = 3;
const POISON: u64 = u64::MAX;
static CELL: [Tally; CELLS] = [Tally::new(0), Tally::new(POISON), Tally::new(POISON)];
static CURRENT: AtomicUsize = AtomicUsize::new(0);
/// Sections, and those that found what was over.
static SECTIONS: Tally = Tally::new(0);
static LATE: Tally = Tally::new(0);

/// A section: what is found stays what it is, whatever happens `meanwhile`.
fn read(meanwhile: impl FnOnce()) {
    let which = TURN.enter(&WORDS);
    let cell = &CELL[CURRENT.load(Acquire)];
    let value = cell.load(Relaxed);
    meanwhile();
    if value == POISON || cell.load(Relaxed) != value {
        LATE.fetch_add(1, Relaxed);
    }
    TURN.leave(&WORDS, which);
    SECTIONS.fetch_add(1, Relaxed);
}

fn handler() {
    read(|| ());
}

/// Replaces what is found, waits for who had found it, and poisons it. Whether all
/// readers left in time: one whose coming or going was lost never does.
fn replace(value: u64) -> bool {
    let old = CURRENT.load(Relaxed);
    let new = (old + 1) % CELLS;
    CELL[new].store(value, Relaxed);
    CURRENT.store(new, Release);
    let which = TURN.change();
    fence::all().unwrap();
    let start = Instant::now();
    while TURN.left(&WORDS, which) != 0 {
        if start.elapsed() > Duration::from_secs(4) {
            return false;
        }
        std::thread::yield_now();
    }
    fence::all().unwrap();
    CELL[old].store(POISON, Relaxed);
    true
}

fn nobody_is_late_with_delays_at(test: &str, env: &[(&str, &str)], points: &[usize]) {
    common::in_child(test, env, || {
        const READERS: usize = 3;
        WORDS.prepare().unwrap();
        common::handle_sigusr1(handler);
        points.iter().for_each(|&point| percpu_core::__inject::set(point, 5_000));
        let left = AtomicUsize::new(READERS);
        let stuck = AtomicBool::new(false);
        let periods = Tally::new(0);
        common::in_a_storm(READERS + 1, |n| {
            if n < READERS {
                for n in 0..6_000 {
                    // Others run, the one that waits among them.
                    read(|| {
                        if n % 8 == 0 {
                            std::thread::yield_now()
                        }
                    });
                }
                left.fetch_sub(1, Relaxed);
                return;
            }
            while left.load(Relaxed) > 0 {
                if !replace(periods.fetch_add(1, Relaxed)) {
                    return stuck.store(true, Relaxed);
                }
            }
        });
        points.iter().for_each(|&point| percpu_core::__inject::set(point, 0));
        let (info, late) = (info().unwrap(), LATE.load(Relaxed));
        println!(
            "points {points:?}: {} sections, {} grace periods, {late} late, {} aborts",
            SECTIONS.load(Relaxed),
            periods.load(Relaxed),
            info.aborts()
        );
        assert!(!stuck.load(Relaxed), "an addition or a subtraction was lost");
        assert_eq!(late, 0, "inside, and not waited for");
        assert_eq!([0, 1].map(|which| TURN.left(&WORDS, which)), [0; 2]);
        assert!(info.mode().is_rseq(), "this test is about sections");
        assert!(info.aborts() > 0);
    });
}

#[test]
fn nobody_is_late_with_a_delay_after_the_address() {
    nobody_is_late_with_delays_at("nobody_is_late_with_a_delay_after_the_address", &[], &[1, 2]);
}

#[test]
fn nobody_is_late_with_a_delay_before_the_commit() {
    nobody_is_late_with_delays_at("nobody_is_late_with_a_delay_before_the_commit", &[], &[2]);
}

#[test]
fn nobody_is_late_by_concurrency_id() {
    let by_id = [("PERCPU_INDEX", "cid")];
    nobody_is_late_with_delays_at("nobody_is_late_by_concurrency_id", &by_id, &[1, 2]);
}
