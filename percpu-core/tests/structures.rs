//! Structures of several words: nothing lost, nothing twice, nothing torn, in
//! every mode.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64 as Tally, Ordering::Relaxed};

use percpu_core::{DoubleWord, ListNode, LocalBuffer, LocalList, PerCpu, Unit, info, percpu};

/// The second half that belongs to a first one.
fn half(first: u64) -> u64 {
    first.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5555
}

percpu! {
    static PAIR: DoubleWord = DoubleWord::new(0, 0x5555);
    static BY_HANDLER: DoubleWord = DoubleWord::new(0, 0x5555);
}

/// How often handlers and threads changed `BY_HANDLER`.
static CHANGES: Tally = Tally::new(0);

fn add_one(pair: &percpu_core::Copies<DoubleWord>) {
    let mut seen = pair.load();
    loop {
        assert_eq!(half(seen.0), seen.1, "torn");
        let next = seen.0 + 1;
        match pair.compare_exchange(seen, (next, half(next))) {
            Ok(_) => return,
            Err(found) => seen = found,
        }
    }
}

fn change_in_handler() {
    add_one(&BY_HANDLER);
    CHANGES.fetch_add(1, Relaxed);
}

#[test]
fn a_pair_is_never_torn_and_no_change_is_lost() {
    common::in_each_mode("a_pair_is_never_torn_and_no_change_is_lost", || {
        const THREADS: usize = 6;
        PAIR.load();
        BY_HANDLER.load();
        common::handle_sigusr1(change_in_handler);
        let each = common::scaled(60_000);
        let over = AtomicBool::new(false);
        let looks = std::thread::scope(|scope| {
            // Remote readers, each of every unit.
            let reader = scope.spawn(|| {
                let mut looks = 0_u64;
                while !over.load(Relaxed) {
                    for (_, pair) in &PAIR {
                        let (first, second) = pair.load();
                        assert_eq!(half(first), second, "torn, seen from afar");
                        looks += 1;
                    }
                }
                looks
            });
            common::in_a_storm(THREADS, |_| {
                for _ in 0..each {
                    add_one(&PAIR);
                    add_one(&BY_HANDLER);
                    CHANGES.fetch_add(1, Relaxed);
                }
            });
            over.store(true, Relaxed);
            reader.join().unwrap()
        });
        let total: u64 = PAIR.iter().map(|(_, pair)| pair.load().0).sum();
        assert_eq!(total, THREADS as u64 * each);
        let total: u64 = BY_HANDLER.iter().map(|(_, pair)| pair.load().0).sum();
        assert_eq!(total, CHANGES.load(Relaxed));
        let info = info().unwrap();
        println!("{looks} looks from afar, {total} changes");
        assert!(looks > 0 && total > THREADS as u64 * each, "the storm blew");
        assert_eq!(info.mode().is_rseq(), info.aborts() > 0);
    });
}
