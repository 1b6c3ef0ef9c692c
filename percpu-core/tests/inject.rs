//! With a delay at each numbered point of the sections, sums stay exact.
//!
//! A section that is broken passes a plain stress test: aborts are rare. Here a
//! thread spends most of its time inside the delay, so that signals, migration
//! and preemption fall there. `ci/mutations.sh` also runs this with things broken, and
//! demands that it fails.

#![cfg(all(target_os = "linux", percpu_inject, not(percpu_loom), not(miri)))]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64 as Tally, Ordering::Relaxed};

use percpu_core::atomic::AtomicU64;
use percpu_core::{LocalLock, PerCpu, Unit, info, percpu};

percpu! {
    static WORDS: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];
    static LOCK: LocalLock<u64> = LocalLock::new(0);
}

/// What went in at `WORDS[4]` and came out again, by all threads and handlers.
static PUT: Tally = Tally::new(0);
static TAKEN: Tally = Tally::new(0);
/// How often `step` ran.
static STEPS: Tally = Tally::new(0);

/// One of each kind of section, on the same words from threads and handlers.
fn step() {
    WORDS.at(0).inc();
    WORDS.at(1).add(3);
    WORDS.at(2).fetch_add(5);
    let mut seen = WORDS.at(3).load();
    while let Err(found) = WORDS.at(3).compare_exchange(seen, seen + 7) {
        seen = found;
    }
    let n = STEPS.fetch_add(1, Relaxed) + 1;
    PUT.fetch_add(n, Relaxed);
    TAKEN.fetch_add(WORDS.at(4).swap(n), Relaxed);
    WORDS.at(5).fetch_xor(n);
    WORDS.at(5).xor(n);
}

fn handler() {
    step();
}

fn word(unit_word: usize) -> u64 {
    WORDS.iter().fold(0, |sum, (_, words)| sum + words.get()[unit_word].load(Relaxed))
}

/// Units by concurrency id.
const BY_ID: &[(&str, &str)] = &[("PERCPU_INDEX", "cid")];

fn exact_with_delays_at(points: &[usize]) {
    WORDS.prepare().unwrap();
    common::handle_sigusr1(handler);
    points.iter().for_each(|&point| percpu_core::__inject::set(point, 2_000));
    common::in_a_storm(6, |_| (0..3_000).for_each(|_| step()));
    points.iter().for_each(|&point| percpu_core::__inject::set(point, 0));
    let steps = STEPS.load(Relaxed);
    let info = info().unwrap();
    println!("points {points:?}: {steps} steps, {} aborts", info.aborts());
    assert_eq!(word(0), steps, "inc");
    assert_eq!(word(1), 3 * steps, "add");
    assert_eq!(word(2), 5 * steps, "fetch_add");
    assert_eq!(word(3), 7 * steps, "compare_exchange");
    assert_eq!(word(4) + TAKEN.load(Relaxed), PUT.load(Relaxed), "swap");
    assert_eq!(WORDS.iter().fold(0, |x, (_, w)| x ^ w.get()[5].load(Relaxed)), 0, "xor");
    assert!(info.mode().is_rseq(), "this test is about sections");
}

#[test]
fn exact_with_a_delay_before_arming() {
    // And one before the commit, where another thread's change would be lost.
    common::in_child("exact_with_a_delay_before_arming", &[], || {
        exact_with_delays_at(&[0, 2]);
    });
}

#[test]
fn exact_with_a_delay_after_the_address() {
    common::in_child("exact_with_a_delay_after_the_address", &[], || {
        exact_with_delays_at(&[1, 2]);
        assert!(info().unwrap().aborts() > 0);
    });
}

#[test]
fn exact_with_a_delay_before_the_commit() {
    common::in_child("exact_with_a_delay_before_the_commit", &[], || {
        exact_with_delays_at(&[2]);
        assert!(info().unwrap().aborts() > 0);
    });
}

#[test]
fn exact_under_our_own_registration() {
    let env = [("GLIBC_TUNABLES", "glibc.pthread.rseq=0")];
    common::in_child("exact_under_our_own_registration", &env, || {
        exact_with_delays_at(&[2]);
    });
}

#[test]
fn exact_by_concurrency_id_with_a_delay_before_arming() {
    common::in_child("exact_by_concurrency_id_with_a_delay_before_arming", BY_ID, || {
        exact_with_delays_at(&[0, 2]);
    });
}

#[test]
fn exact_by_concurrency_id_with_a_delay_after_the_address() {
    common::in_child("exact_by_concurrency_id_with_a_delay_after_the_address", BY_ID, || {
        exact_with_delays_at(&[1, 2]);
        assert!(info().unwrap().aborts() > 0);
    });
}

/// Values that a thread keeps in registers across sections, as many as it can:
/// an aborted section may not touch them on its way back. (`ci/machines.sh`
/// also links this with the abort handlers out of a branch's reach.)
#[test]
fn what_registers_hold_survives_aborts() {
    fn turn(values: &mut [u64; 20]) {
        for (n, value) in values.iter_mut().enumerate() {
            *value = value.rotate_left(7) ^ (n as u64 + 1);
        }
    }
    #[inline(never)]
    fn rounds(seed: u64, between: impl Fn(u64)) -> [u64; 20] {
        let mut values: [u64; 20] = std::array::from_fn(|n| seed.wrapping_mul(n as u64 + 1));
        for round in 0..3_000 {
            turn(&mut values);
            between(round);
        }
        values
    }
    common::in_child("what_registers_hold_survives_aborts", &[], || {
        WORDS.prepare().unwrap();
        common::handle_sigusr1(|| ());
        percpu_core::__inject::set(1, 2_000);
        common::in_a_storm(6, |n| {
            let seed = 0x9E37_79B9_7F4A_7C15 + n as u64;
            let plain = rounds(seed, |_| ());
            assert_eq!(rounds(seed, |_| WORDS.at(0).inc()), plain);
            assert_eq!(rounds(seed, |round| WORDS.at(2).add(round)), plain);
        });
        percpu_core::__inject::set(1, 0);
        assert!(info().unwrap().aborts() > 0);
        assert_eq!(word(0), 6 * 3_000);
        assert_eq!(word(2), 6 * (3_000 * 2_999 / 2));
    });
}

#[test]
fn two_never_hold_a_lock_with_a_delay_before_the_commit() {
    two_never_hold_a_lock("two_never_hold_a_lock_with_a_delay_before_the_commit", &[]);
}

#[test]
fn two_never_hold_a_lock_by_concurrency_id() {
    two_never_hold_a_lock("two_never_hold_a_lock_by_concurrency_id", BY_ID);
}

fn two_never_hold_a_lock(test: &str, env: &[(&str, &str)]) {
    common::in_child(test, env, || {
        const EACH: u64 = 2_000;
        // As many as CPUs: fewer rarely meet on one.
        let threads = common::allowed().count_ones().max(4);
        LOCK.with(|_| ());
        let words = PerCpu::<AtomicU64>::zeroed().unwrap();
        common::handle_sigusr1(|| ());
        for point in 0..3 {
            // Long enough to be preempted in, and holders give way to whoever was.
            percpu_core::__inject::set(point, 20_000);
            common::in_a_storm(threads as usize, |n| {
                for _ in 0..EACH {
                    // A plain read and write: two holders lose one.
                    LOCK.with(|value| {
                        let before = *value;
                        std::thread::yield_now();
                        *value = before + 1;
                    });
                    if n == 0 {
                        let unit = Unit::current().unwrap();
                        *LOCK.lock_on(unit).unwrap() += 1;
                        words.inc();
                    }
                }
            });
            percpu_core::__inject::set(point, 0);
        }
        let held: u64 = Unit::all().unwrap().map(|unit| *LOCK.lock_on(unit).unwrap()).sum();
        assert_eq!(held, 3 * u64::from(threads) * EACH + words.sum());
    });
}

/// The fence for one unit reaches its CPU.
#[test]
fn a_stopped_unit_has_one_holder() {
    a_stopped_unit_has_one_holder_in("a_stopped_unit_has_one_holder", &[]);
}

/// The fence for one unit reaches its sections on whichever CPU they are.
#[test]
fn a_stopped_unit_has_one_holder_by_concurrency_id() {
    let test = "a_stopped_unit_has_one_holder_by_concurrency_id";
    a_stopped_unit_has_one_holder_in(test, BY_ID);
}

fn a_stopped_unit_has_one_holder_in(test: &str, env: &[(&str, &str)]) {
    common::in_child(test, env, || {
        let inside = PerCpu::new_with(|_| LocalLock::new(false)).unwrap();
        let enter = |inside: &mut bool, turns: u64| {
            assert!(!std::mem::replace(inside, true), "two holders");
            (0..turns).for_each(|_| assert!(*std::hint::black_box(&mut *inside), "two holders"));
            *inside = false;
        };
        let over = AtomicBool::new(false);
        // Most of the time they are about to commit.
        percpu_core::__inject::set(2, 20_000);
        std::thread::scope(|scope| {
            let _over = common::Over(&over);
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Relaxed) {
                        inside.with(|inside| enter(inside, 10));
                    }
                });
            }
            let start = std::time::Instant::now();
            while start.elapsed() < std::time::Duration::from_millis(500) {
                for unit in Unit::all().unwrap().filter(|unit| unit.is_active()) {
                    enter(&mut inside.lock_on(unit).unwrap(), 20_000);
                }
            }
        });
        percpu_core::__inject::set(2, 0);
    });
}

/// Each value comes out once, while threads spend their time at the points of the
/// sections, handlers push and pop, and a thread drains.
fn each_value_once_with_delays_at(test: &str, env: &[(&str, &str)], points: &[usize]) {
    common::in_child(test, env, || {
        points.iter().for_each(|&point| percpu_core::__inject::set(point, 2_000));
        common::tokens::each_comes_out_once_in_a_storm(6, 60_000);
        assert!(info().unwrap().aborts() > 0);
        assert!(info().unwrap().mode().is_rseq(), "this test is about sections");
    });
}

#[test]
fn each_value_comes_out_once_with_a_delay_after_the_address() {
    let test = "each_value_comes_out_once_with_a_delay_after_the_address";
    each_value_once_with_delays_at(test, &[], &[1]);
}

#[test]
fn each_value_comes_out_once_with_a_delay_before_the_commit() {
    let test = "each_value_comes_out_once_with_a_delay_before_the_commit";
    each_value_once_with_delays_at(test, &[], &[2]);
}

#[test]
fn each_value_comes_out_once_by_concurrency_id() {
    each_value_once_with_delays_at("each_value_comes_out_once_by_concurrency_id", BY_ID, &[1, 2]);
}

#[test]
fn each_value_comes_out_once_with_a_delay_before_arming() {
    let test = "each_value_comes_out_once_with_a_delay_before_arming";
    each_value_once_with_delays_at(test, &[], &[0, 2]);
}
