//! Counters of every kind, and what handlers and forked children count.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64 as SignedTally, AtomicU64 as Count, Ordering::Relaxed};

use percpu_core::PerCpu;
use percpu_core::atomic::AtomicU64;
use percpu_counter::{
    ApproxCounter, Budget, Counter, CounterSet, Gauge, Histogram, Max, Min, counter_set,
};

use crate::common::Random;
use crate::subject::{Subject, Tally, one_in};

const BURST: u64 = 64;

percpu_core::percpu! {
    static HANDLED: AtomicU64 = AtomicU64::new(0);
    static FORKED: AtomicU64 = AtomicU64::new(1);
}

static SIGNALS: Count = Count::new(0);

/// Runs in a signal handler.
pub(crate) fn in_a_handler() {
    HANDLED.inc();
    SIGNALS.fetch_add(1, Relaxed);
}

pub(crate) fn check_handlers() {
    assert_eq!(HANDLED.sum(), SIGNALS.load(Relaxed), "what handlers counted");
}

/// Runs in the child of a process whose other threads are gone: words that were there,
/// and new ones.
pub(crate) fn in_a_forked_child() -> bool {
    let before = FORKED.sum();
    (0..1_000).for_each(|_| FORKED.inc());
    let Ok(words) = PerCpu::<[AtomicU64; 8]>::zeroed() else { return true };
    (0..1_000).for_each(|n| words.at(n % 8).add(n as u64));
    let sum: u64 = (0..8).map(|n| words.at(n).sum()).sum();
    drop(words);
    FORKED.sum() == before + 1_000 && sum == 999 * 1_000 / 2
}

counter_set! {
    /// Changed together.
    struct Together { ones, threes }
}

pub(crate) fn all() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Counters {
            tally: Tally::default(),
            plain: Counter::new().unwrap(),
            gauge: Gauge::new().unwrap(),
            approx: ApproxCounter::with_batch(32).unwrap(),
            set: CounterSet::new().unwrap(),
            least: Min::new().unwrap(),
            most: Max::new().unwrap(),
            added: Count::new(0),
            gauged: SignedTally::new(0),
            changed: Count::new(0),
            extremes: Mutex::new(None),
        }),
        Box::new(Histograms {
            tally: Tally::default(),
            values: Histogram::builder().range(1, 1 << 30).digits(2).build().unwrap(),
            recorded: Count::new(0),
            taken: Count::new(0),
        }),
        Box::new(Budgets {
            tally: Tally::default(),
            budget: Budget::builder().limit(1_000).stock(16).build().unwrap(),
            held: Count::new(0),
        }),
    ]
}

struct Counters {
    tally: Tally,
    plain: Counter,
    gauge: Gauge,
    approx: ApproxCounter,
    set: CounterSet<Together>,
    least: Min<u64>,
    most: Max<u64>,
    added: Count,
    gauged: SignedTally,
    changed: Count,
    extremes: Mutex<Option<(u64, u64)>>,
}

impl Subject for Counters {
    fn name(&self) -> &'static str {
        "counters"
    }

    fn work(&self, random: &mut Random) {
        let n = random.next() % 1_000;
        let signed = n as i64 - 500;
        for _ in 0..BURST {
            self.plain.add(n);
            self.gauge.add(signed);
            self.approx.add(signed);
            self.set.with(|both| {
                both.ones += 1;
                both.threes += 3;
            });
        }
        if n == 0 {
            for (_, row) in self.set.snapshot().unwrap().rows() {
                assert_eq!(row.threes, 3 * row.ones, "half of a change");
            }
        }
        let value = random.next() >> (random.next() % 60);
        self.least.record(value);
        self.most.record(value);
        let mut extremes = self.extremes.lock().unwrap();
        let (least, most) = extremes.unwrap_or((value, value));
        *extremes = Some((least.min(value), most.max(value)));
        drop(extremes);
        self.added.fetch_add(BURST * n, Relaxed);
        self.gauged.fetch_add(BURST as i64 * signed, Relaxed);
        self.changed.fetch_add(BURST, Relaxed);
        self.tally.worked(4 * BURST + 2);
    }

    fn check(&self) {
        assert_eq!(self.plain.sum(), self.added.load(Relaxed), "Counter");
        assert_eq!(self.gauge.sum(), self.gauged.load(Relaxed), "Gauge");
        assert_eq!(self.approx.sum(), self.gauged.load(Relaxed), "ApproxCounter");
        let changed = self.changed.load(Relaxed);
        let total = self.set.snapshot().unwrap().total();
        assert_eq!((total.ones, total.threes), (changed, 3 * changed), "CounterSet");
        assert_eq!(self.least.get().zip(self.most.get()), *self.extremes.lock().unwrap());
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}

struct Histograms {
    tally: Tally,
    values: Histogram,
    recorded: Count,
    taken: Count,
}

impl Subject for Histograms {
    fn name(&self) -> &'static str {
        "histogram"
    }

    fn work(&self, random: &mut Random) {
        for _ in 0..BURST {
            self.values.saturating_record(random.next() >> (34 + random.next() % 30));
        }
        self.recorded.fetch_add(BURST, Relaxed);
        if one_in(random, 64) {
            self.taken.fetch_add(self.values.take().len(), Relaxed);
        }
        self.tally.worked(BURST);
    }

    fn check(&self) {
        let inside = self.values.snapshot().len();
        assert_eq!(self.taken.load(Relaxed) + inside, self.recorded.load(Relaxed));
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}

struct Budgets {
    tally: Tally,
    budget: Budget,
    held: Count,
}

impl Subject for Budgets {
    fn name(&self) -> &'static str {
        "budget"
    }

    fn work(&self, random: &mut Random) {
        for _ in 0..BURST {
            let n = random.next() % 800;
            // Counted before and given up after: never more than was charged.
            if let Some(mut reservation) = self.tally.allowed(self.budget.try_reserve(n)) {
                let held = self.held.fetch_add(n, Relaxed) + n;
                assert!(held <= self.budget.limit(), "more than the limit is held");
                let _ = reservation.grow(5);
                self.held.fetch_sub(n, Relaxed);
            }
        }
        self.tally.worked(BURST);
    }

    fn check(&self) {
        assert_eq!(self.held.load(Relaxed), 0);
        assert_eq!(self.budget.used(), 0, "charged for nothing");
        // All of it can be had at once.
        drop(self.budget.try_reserve(self.budget.limit()).expect("nobody has any"));
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}
