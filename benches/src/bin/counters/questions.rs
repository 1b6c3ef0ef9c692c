//! percpu-counter's types beside what people use today.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use percpu_benches::question::{Question, job};
use percpu_core::PerCpu;
use percpu_counter::{Budget, Counter, Domain, Histogram, PerCpuRef, PerCpuRwLock};

/// All of them.
///
/// # Panics
/// If the system refuses memory.
pub(crate) fn all() -> Vec<Question> {
    vec![counters(), budgets(), references(), locks(), sections(), histograms(), prometheus()]
}

fn counters() -> Question {
    let counter = Counter::new().expect("memory");
    let word = PerCpu::<AtomicU64>::zeroed().expect("memory");
    // No more than a tenth slower.
    let asked = [Some(1.0 / 1.1), None];
    Question::new("Counter: inc", job("percpu Counter", move |_| counter.inc()))
        .rival(job("percpu word", move |_| word.inc()), &asked)
}

fn budgets() -> Question {
    let limit = 1 << 30;
    let n = black_box(4096);
    let ours = Budget::new(limit).expect("memory");
    let loops = CachePadded::new(AtomicU64::new(0));
    let locked = CachePadded::new(parking_lot::Mutex::new(0_u64));
    let asked = [Some(4.0), Some(15.0)];
    Question::new(
        "Budget: reserve and release",
        job("percpu Budget", move |_| drop(ours.try_reserve(n).expect("room"))),
    )
    .rival(
        job("compare-exchange loop", move |_| {
            let mut used = loops.load(Ordering::Relaxed);
            while used + n <= limit {
                let new = used + n;
                match loops.compare_exchange_weak(used, new, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => break,
                    Err(found) => used = found,
                }
            }
            loops.fetch_sub(n, Ordering::Relaxed);
        }),
        &asked,
    )
    .rival(
        job("parking_lot Mutex", move |_| {
            let mut used = locked.lock();
            if *used + n <= limit {
                *used += n;
            }
            drop(used);
            *locked.lock() -= n;
        }),
        &asked,
    )
    .floor()
}

fn references() -> Question {
    let ours = PerCpuRef::new(7_u64).expect("memory");
    let theirs = Arc::new(7_u64);
    let asked = [Some(3.0), Some(8.0)];
    Question::new(
        "PerCpuRef: get and put",
        job("percpu PerCpuRef", move |_| drop(black_box(ours.get()))),
    )
    .rival(job("Arc", move |_| drop(black_box(Arc::clone(&theirs)))), &asked)
    .floor()
}

fn locks() -> Question {
    let ours = PerCpuRwLock::new(7_u64).expect("memory");
    let fair = CachePadded::new(parking_lot::RwLock::new(7_u64));
    let std = CachePadded::new(std::sync::RwLock::new(7_u64));
    let asked = [Some(3.0), Some(8.0)];
    Question::new(
        "PerCpuRwLock: read and unlock",
        job("percpu PerCpuRwLock", move |_| {
            black_box(*ours.read());
        }),
    )
    .rival(
        job("parking_lot RwLock", move |_| {
            black_box(*fair.read());
        }),
        &asked,
    )
    .rival(
        job("std RwLock", move |_| {
            black_box(*std.read().expect("no panic"));
        }),
        &asked,
    )
    .floor()
}

fn sections() -> Question {
    let ours = Domain::new().expect("memory");
    let asked = [Some(2.0), None];
    Question::new("Domain: read", job("percpu Domain", move |_| drop(black_box(ours.read()))))
        .rival(job("crossbeam-epoch pin", |_| drop(black_box(crossbeam_epoch::pin()))), &asked)
        .floor()
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
    let asked = [Some(3.0), Some(10.0)];
    Question::new(
        "Histogram: record",
        job("percpu Histogram", move |turn| {
            let _ = ours.record(values[turn as usize % VALUES]);
        }),
    )
    .rival(
        job("std Mutex<hdrhistogram>", move |turn| {
            let mut histogram = std.lock().expect("no panic");
            let _ = histogram.record(once_more[turn as usize % VALUES]);
        }),
        &asked,
    )
    .rival(
        job("parking_lot Mutex<hdrhistogram>", move |turn| {
            let _ = fair.lock().record(again[turn as usize % VALUES]);
        }),
        &asked,
    )
}

fn prometheus() -> Question {
    let ours = percpu_counter::prometheus::IntCounter::new("ours", "help").expect("a name");
    let theirs = prometheus::IntCounter::new("theirs", "help").expect("a name");
    let asked = [None, Some(5.0)];
    Question::new(
        "prometheus IntCounter: inc",
        job("percpu prometheus IntCounter", move |_| ours.inc()),
    )
    .rival(job("prometheus IntCounter", move |_| theirs.inc()), &asked)
}
