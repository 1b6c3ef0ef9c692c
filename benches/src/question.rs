//! [`Question`]: one type of percpu-counter, beside what people use today.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use percpu_core::PerCpu;
use percpu_counter::{Budget, Counter, Domain, Histogram, PerCpuRef, PerCpuRwLock};

use crate::job::Job;
use crate::raw;

/// Ours first, then the rivals.
pub struct Question {
    /// What is done, over and over.
    pub name: &'static str,
    /// Who does it.
    pub jobs: Vec<Arc<dyn Job>>,
    /// How many times faster ours must be than each rival, with one thread and with
    /// two; `None`: as it comes.
    pub bounds: [Option<f64>; 2],
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.jobs.iter().map(|job| job.name());
        f.debug_tuple(self.name).field(&names.collect::<Vec<_>>()).finish()
    }
}

/// One operation of one contender.
struct Once<F> {
    name: &'static str,
    operation: F,
}

impl<F: Fn(u64) + Send + Sync> Job for Once<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&self, _: usize, ops: u64) {
        for turn in 0..ops {
            (self.operation)(turn);
        }
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn step(&self) -> u64 {
        0
    }
}

/// `operation` is given the number of its turn.
fn job(name: &'static str, operation: impl Fn(u64) + Send + Sync + 'static) -> Arc<dyn Job> {
    Arc::new(Once { name, operation })
}

/// Two plain additions to thread-local memory: whatever goes up and down again on
/// memory costs that. Says how far a bound can be from what a machine can do.
fn floor() -> Arc<dyn Job> {
    thread_local! {
        static WORD: Cell<u64> = const { Cell::new(0) };
    }
    job(FLOOR, |_| {
        WORD.with(|word| raw::plain_add(word, 1));
        WORD.with(|word| raw::plain_add(word, 1_u64.wrapping_neg()));
    })
}

/// The name of what no bound speaks of.
pub const FLOOR: &str = "floor: two plain adds, thread-local";

/// All of them.
///
/// # Panics
/// If the system refuses memory.
pub fn all() -> Vec<Question> {
    vec![counters(), budgets(), references(), locks(), sections(), histograms(), prometheus()]
}

fn counters() -> Question {
    let counter = Counter::new().expect("memory");
    let word = PerCpu::<AtomicU64>::zeroed().expect("memory");
    Question {
        name: "Counter: inc",
        jobs: vec![
            job("percpu Counter", move |_| counter.inc()),
            job("percpu word", move |_| word.inc()),
        ],
        // No more than a tenth slower.
        bounds: [Some(1.0 / 1.1), None],
    }
}

fn budgets() -> Question {
    let limit = 1 << 30;
    let n = black_box(4096);
    let ours = Budget::new(limit).expect("memory");
    let loops = CachePadded::new(AtomicU64::new(0));
    let locked = CachePadded::new(parking_lot::Mutex::new(0_u64));
    Question {
        name: "Budget: reserve and release",
        jobs: vec![
            job("percpu Budget", move |_| drop(ours.try_reserve(n).expect("room"))),
            job("compare-exchange loop", move |_| {
                let mut used = loops.load(Ordering::Relaxed);
                while used + n <= limit {
                    let new = used + n;
                    match loops.compare_exchange_weak(
                        used,
                        new,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    ) {
                        Ok(_) => break,
                        Err(found) => used = found,
                    }
                }
                loops.fetch_sub(n, Ordering::Relaxed);
            }),
            job("parking_lot Mutex", move |_| {
                let mut used = locked.lock();
                if *used + n <= limit {
                    *used += n;
                }
                drop(used);
                *locked.lock() -= n;
            }),
            floor(),
        ],
        bounds: [Some(4.0), Some(15.0)],
    }
}

fn references() -> Question {
    let ours = PerCpuRef::new(7_u64).expect("memory");
    let theirs = Arc::new(7_u64);
    Question {
        name: "PerCpuRef: get and put",
        jobs: vec![
            job("percpu PerCpuRef", move |_| drop(black_box(ours.get()))),
            job("Arc", move |_| drop(black_box(Arc::clone(&theirs)))),
            floor(),
        ],
        bounds: [Some(3.0), Some(8.0)],
    }
}

fn locks() -> Question {
    let ours = PerCpuRwLock::new(7_u64).expect("memory");
    let fair = CachePadded::new(parking_lot::RwLock::new(7_u64));
    let std = CachePadded::new(std::sync::RwLock::new(7_u64));
    Question {
        name: "PerCpuRwLock: read and unlock",
        jobs: vec![
            job("percpu PerCpuRwLock", move |_| {
                black_box(*ours.read());
            }),
            job("parking_lot RwLock", move |_| {
                black_box(*fair.read());
            }),
            job("std RwLock", move |_| {
                black_box(*std.read().expect("no panic"));
            }),
            floor(),
        ],
        bounds: [Some(3.0), Some(8.0)],
    }
}

fn sections() -> Question {
    let ours = Domain::new().expect("memory");
    Question {
        name: "Domain: read",
        jobs: vec![
            job("percpu Domain", move |_| drop(black_box(ours.read()))),
            job("crossbeam-epoch pin", |_| drop(black_box(crossbeam_epoch::pin()))),
            floor(),
        ],
        bounds: [Some(2.0), None],
    }
}

fn histograms() -> Question {
    const VALUES: usize = 1024;
    let (low, high, digits) = (1, 60_000_000_000, 2);
    // Latencies in nanoseconds, over four orders of magnitude.
    let mut random = fastrand::Rng::with_seed(1);
    let values: Arc<[u64]> = (0..VALUES).map(|_| 1000 << random.u64(0..14)).collect();
    let ours = Histogram::builder().range(low, high).digits(digits).build().expect("memory");
    let theirs = hdrhistogram::Histogram::<u64>::new_with_bounds(low, high, digits);
    let theirs = theirs.expect("bounds");
    let std = CachePadded::new(std::sync::Mutex::new(theirs.clone()));
    let fair = CachePadded::new(parking_lot::Mutex::new(theirs));
    let [again, once_more] = [Arc::clone(&values), Arc::clone(&values)];
    Question {
        name: "Histogram: record",
        jobs: vec![
            job("percpu Histogram", move |turn| {
                let _ = ours.record(values[turn as usize % VALUES]);
            }),
            job("std Mutex<hdrhistogram>", move |turn| {
                let mut histogram = std.lock().expect("no panic");
                let _ = histogram.record(once_more[turn as usize % VALUES]);
            }),
            job("parking_lot Mutex<hdrhistogram>", move |turn| {
                let _ = fair.lock().record(again[turn as usize % VALUES]);
            }),
        ],
        bounds: [Some(3.0), Some(10.0)],
    }
}

fn prometheus() -> Question {
    let ours = percpu_counter::prometheus::IntCounter::new("ours", "help").expect("a name");
    let theirs = prometheus::IntCounter::new("theirs", "help").expect("a name");
    Question {
        name: "prometheus IntCounter: inc",
        jobs: vec![
            job("percpu prometheus IntCounter", move |_| ours.inc()),
            job("prometheus IntCounter", move |_| theirs.inc()),
        ],
        bounds: [None, Some(5.0)],
    }
}
