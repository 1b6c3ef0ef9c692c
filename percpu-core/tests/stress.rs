//! Nothing is lost: sums are exact under migration and signals, in every mode.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use percpu_core::atomic::{AtomicU8, AtomicU64};
use percpu_core::{PerCpu, Unit, info, percpu};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(0);
    static IN_HANDLER: AtomicU64 = AtomicU64::new(0);
    static STARTS_AT_FIVE: AtomicU64 = AtomicU64::new(5);
    static NARROW: AtomicU8 = AtomicU8::new(0);
}

const THREADS: usize = 16;
const EACH: u64 = 5_000_000;

fn handler() {
    IN_HANDLER.inc();
    WORD.inc();
}

#[test]
fn sixteen_threads_count_exactly_in_a_storm() {
    common::in_each_mode("sixteen_threads_count_exactly_in_a_storm", || {
        // A handler's operations must find everything set up.
        WORD.inc();
        IN_HANDLER.prepare().unwrap();
        let before = WORD.sum();
        common::handle_sigusr1(handler);
        let dynamic = PerCpu::<AtomicU64>::zeroed().unwrap();
        let each = common::scaled(EACH);
        common::in_a_storm(THREADS, |_| {
            for _ in 0..each {
                WORD.inc();
                dynamic.inc();
            }
        });
        let total = THREADS as u64 * each;
        let signals = IN_HANDLER.sum();
        let info = info().unwrap();
        println!("{signals} signals");
        assert_eq!(dynamic.sum(), total);
        assert_eq!(WORD.sum(), before + total + signals);
        assert!(signals > 0, "the storm blew");
        if info.mode().is_rseq() {
            assert!(info.aborts() > 0, "sections were aborted");
        } else {
            assert_eq!(info.aborts(), 0);
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "there is one mode")]
fn the_modes_are_what_was_asked_for() {
    common::in_each_mode("the_modes_are_what_was_asked_for", || {
        use percpu_core::{Mode, PortableReason, Registration};
        let mode = info().unwrap().mode();
        let no_rseq = std::env::var("GLIBC_TUNABLES").is_ok();
        let portable = std::env::var("PERCPU_MODE").is_ok();
        match mode {
            Mode::Portable(PortableReason::Requested) => assert!(portable),
            Mode::Rseq(Registration::Own) => assert!(!portable),
            Mode::Rseq(Registration::Libc) => assert!(!portable && !no_rseq),
            // Another build, an old kernel, an emulator: nothing to check.
            other => println!("this machine: {other}"),
        }
    });
}

#[test]
fn value_returning_operations_lose_nothing_in_a_storm() {
    common::in_each_mode("value_returning_operations_lose_nothing_in_a_storm", || {
        common::handle_sigusr1(handler);
        WORD.prepare().unwrap();
        IN_HANDLER.prepare().unwrap();
        let words = PerCpu::<[AtomicU64; 4]>::zeroed().unwrap();
        let taken = AtomicU64::new(0);
        let each = common::scaled(200_000);
        common::in_a_storm(THREADS, |_| {
            for n in 1..=each {
                words.at(0).fetch_add(n);
                // Puts n in, takes what was there: conserved over all threads.
                let before = words.at(1).swap(n);
                taken.fetch_add(before, std::sync::atomic::Ordering::Relaxed);
                // A compare-exchange loop that adds two.
                let mut seen = words.at(2).load();
                while let Err(found) = words.at(2).compare_exchange(seen, seen + 2) {
                    seen = found;
                }
                words.at(3).fetch_xor(n);
                words.at(3).xor(n);
            }
        });
        let threads = THREADS as u64;
        let series = threads * each * (each + 1) / 2;
        assert_eq!(words.at(0).sum(), series);
        let left: u64 =
            words.iter().map(|(_, w)| w.get()[1].load(std::sync::atomic::Ordering::Relaxed)).sum();
        assert_eq!(left + taken.into_inner(), series);
        assert_eq!(words.at(2).sum(), threads * each * 2);
        let xor = words
            .iter()
            .fold(0, |x, (_, w)| x ^ w.get()[3].load(std::sync::atomic::Ordering::Relaxed));
        assert_eq!(xor, 0);
    });
}

#[test]
fn neighbouring_bytes_do_not_disturb_each_other() {
    let bytes = PerCpu::<[AtomicU8; 8]>::zeroed().unwrap();
    let each = common::scaled(50_000);
    std::thread::scope(|scope| {
        for lane in 0..8 {
            let bytes = &bytes;
            scope.spawn(move || {
                for _ in 0..each {
                    bytes.at(lane).inc();
                }
            });
        }
    });
    for lane in 0..8 {
        assert_eq!(bytes.at(lane).sum(), each as u8);
    }
    NARROW.dec();
    assert_eq!(NARROW.sum(), 255);
}

#[test]
fn a_static_counts_with_its_initial_value_on_every_unit() {
    let units = Unit::all().unwrap().count() as u64;
    assert_eq!(STARTS_AT_FIVE.sum(), 5 * units);
    STARTS_AT_FIVE.inc();
    assert_eq!(STARTS_AT_FIVE.sum(), 5 * units + 1);
    assert_eq!(STARTS_AT_FIVE.iter().map(|(_, n)| n.load()).sum::<u64>(), 5 * units + 1);
    // Now every unit is active: the same again.
    assert_eq!(STARTS_AT_FIVE.sum(), 5 * units + 1);
}

/// The kernel's basic_percpu_ops, in its numbers; and what somebody sees who sums
/// meanwhile.
#[test]
fn two_hundred_threads_count_exactly_and_sums_never_go_down() {
    common::in_each_mode("two_hundred_threads_count_exactly_and_sums_never_go_down", || {
        let (threads, each) = (if cfg!(miri) { 8 } else { 200 }, common::scaled(5_000));
        let word = PerCpu::<AtomicU64>::zeroed().unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        let sums = std::thread::scope(|scope| {
            let ends = common::Over(&over);
            let reader = scope.spawn(|| {
                let (mut last, mut sums) = (0, 0_u64);
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let sum = word.sum();
                    assert!(sum >= last, "went down from {last} to {sum}");
                    (last, sums) = (sum, sums + 1);
                }
                sums
            });
            let adders: Vec<_> =
                (0..threads).map(|_| scope.spawn(|| (0..each).for_each(|_| word.inc()))).collect();
            adders.into_iter().for_each(|thread| thread.join().unwrap());
            drop(ends);
            reader.join().unwrap()
        });
        println!("{sums} sums");
        assert_eq!(word.sum(), threads * each);
    });
}
