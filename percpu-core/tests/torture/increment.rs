//! Words of each width and a pair, changed in every way: exact.

use std::sync::atomic::{AtomicU64 as Tally, Ordering::Relaxed};

use percpu_core::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};
use percpu_core::{DoubleWord, percpu};

use crate::harness::{Case, Run};

pub const CASE: Case = Case {
    points: &[3, 4],
    prepare,
    worker,
    remote,
    handler: || step(1, false),
    enough: || true,
    check,
};

percpu! {
    static BYTE: AtomicU8 = AtomicU8::new(0);
    static SHORT: AtomicU16 = AtomicU16::new(0);
    static LONG: AtomicU32 = AtomicU32::new(0);
    static WORDS: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];
    static PAIR: DoubleWord = DoubleWord::new(0, !0);
}

static STEPS: Tally = Tally::new(0);
/// Of all `n`.
static SUM: Tally = Tally::new(0);
/// The same, for those that compared.
static COMPARED: Tally = Tally::new(0);
static SUM_COMPARED: Tally = Tally::new(0);
/// What went into `WORDS[4]` and came out again.
static PUT: Tally = Tally::new(0);
static TAKEN: Tally = Tally::new(0);

fn prepare() {
    BYTE.prepare().unwrap();
}

/// A handler does not compare: whoever is interrupted between look and exchange, each
/// time, would come to no end.
fn step(n: u64, compare: bool) {
    BYTE.inc();
    SHORT.fetch_add(3);
    LONG.dec();
    WORDS.at(0).inc();
    WORDS.at(1).add(n);
    WORDS.at(2).fetch_add(n + 1);
    // Counted first: a handler may take it out at once.
    PUT.fetch_add(n, Relaxed);
    TAKEN.fetch_add(WORDS.at(4).swap(n), Relaxed);
    WORDS.at(5).fetch_xor(n);
    WORDS.at(5).xor(n);
    STEPS.fetch_add(1, Relaxed);
    SUM.fetch_add(n, Relaxed);
    if compare {
        step_compared(n);
    }
}

fn step_compared(n: u64) {
    let mut seen = WORDS.at(3).load();
    while let Err(found) = WORDS.at(3).compare_exchange(seen, seen + 7) {
        seen = found;
    }
    let mut seen = PAIR.load();
    loop {
        assert_eq!(seen.1, !seen.0, "torn");
        let next = seen.0 + n;
        match PAIR.compare_exchange(seen, (next, !next)) {
            Ok(_) => break,
            Err(found) => seen = found,
        }
    }
    COMPARED.fetch_add(1, Relaxed);
    SUM_COMPARED.fetch_add(n, Relaxed);
}

fn worker(thread: usize, run: &Run) -> u64 {
    let mut done = 0;
    while run.goes_on() {
        step(done % 1000 + thread as u64, true);
        done += 1;
    }
    done
}

/// Sums that only grow are never seen to shrink.
fn remote(run: &Run) {
    let mut before = 0;
    while run.goes_on() {
        let now = WORDS.at(0).sum();
        assert!(before <= now, "{now} after {before}");
        let whole = |(first, second): (u64, u64)| second == !first;
        assert!(PAIR.iter().all(|(_, pair)| whole(pair.load())), "torn");
        before = now;
        std::thread::yield_now();
    }
}

fn check() {
    let (steps, sum) = (STEPS.load(Relaxed), SUM.load(Relaxed));
    assert_eq!(BYTE.sum(), steps as u8, "inc of a byte");
    assert_eq!(SHORT.sum(), 3_u16.wrapping_mul(steps as u16), "fetch_add of two bytes");
    assert_eq!(LONG.sum(), (steps as u32).wrapping_neg(), "dec of four bytes");
    assert_eq!(WORDS.at(0).sum(), steps, "inc");
    assert_eq!(WORDS.at(1).sum(), sum, "add");
    assert_eq!(WORDS.at(2).sum(), sum + steps, "fetch_add");
    assert_eq!(WORDS.at(3).sum(), 7 * COMPARED.load(Relaxed), "compare_exchange");
    assert_eq!(WORDS.at(4).sum() + TAKEN.load(Relaxed), PUT.load(Relaxed), "swap");
    assert_eq!(WORDS.iter().fold(0, |x, (_, w)| x ^ w.get()[5].load(Relaxed)), 0, "xor");
    let pairs: u64 = PAIR.iter().map(|(_, pair)| pair.load().0).sum();
    assert_eq!(pairs, SUM_COMPARED.load(Relaxed), "pair");
}
