//! What every fixture does: real operations in several threads, exact sums.
//!
//! Inlined, so that the sections land in the link unit that calls.

#![forbid(unsafe_code)]

use percpu_core::atomic::AtomicU64;
use percpu_core::{Copies, LocalLock};

/// Threads that count at the same time.
pub const THREADS: u64 = 4;
/// Rounds of each.
pub const ROUNDS: u64 = 50_000;
/// What all rounds of [`count`] together add.
pub const EACH: u64 = THREADS * ROUNDS * (1 + 2 + 3 + 5);

/// One round: 11 in four ways.
#[inline(always)]
pub fn round(words: &Copies<AtomicU64>) {
    words.inc();
    words.add(2);
    words.fetch_add(3);
    // On whichever CPU each lands: if the exchange fails, add.
    let now = words.load();
    if words.compare_exchange(now, now.wrapping_add(5)).is_err() {
        words.add(5);
    }
}

/// Adds [`EACH`] from [`THREADS`] threads and checks that the sum grew by it.
#[inline(always)]
pub fn count(what: &str, words: &Copies<AtomicU64>) {
    let before = words.sum();
    std::thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| (0..ROUNDS).for_each(|_| round(words)));
        }
    });
    let counted = words.sum() - before;
    assert_eq!(counted, EACH, "{what}: the sum is not exact");
    println!("{what}: {counted} exact");
}

/// Adds [`EACH`] under the lock of whichever copy, and checks the sum.
#[inline(always)]
pub fn count_locked(what: &str, copies: &Copies<LocalLock<u64>>) {
    let sum = || copies.iter().map(|(unit, _)| *copies.lock_on(unit).expect("fence")).sum::<u64>();
    let before = sum();
    std::thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| (0..ROUNDS).for_each(|_| *copies.lock() += 11));
        }
    });
    let counted = sum() - before;
    assert_eq!(counted, EACH, "{what}: the sum is not exact");
    println!("{what}: {counted} exact, locked");
}

/// Prints the mode, the line that the script looks for.
#[inline(always)]
pub fn print_mode() {
    println!("mode {}", percpu_core::info().expect("per-CPU memory").mode());
}
