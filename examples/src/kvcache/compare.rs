//! Per-CPU counters against plain atomics that all threads share.
//!
//! Two questions, each answered within one run and in turns, so that what else
//! the machine does falls on both: what does it mean for the whole program, and
//! what does one update cost.

use std::hint::{self, black_box};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::histogram::bucket_of;
use super::serve::{Job, Served};
use super::stats::{Count, Metrics, PerCpuMetrics, SharedMetrics};

/// One workload served on both kinds.
#[derive(Debug)]
pub struct Comparison {
    /// On per-CPU counters.
    pub per_cpu: Served,
    /// On shared atomics.
    pub shared: Served,
}

impl Comparison {
    /// Serves `job` for `share` on each kind, in short turns that change order
    /// each time, after a warm-up that counts for neither.
    ///
    /// # Errors
    ///
    /// What [`Served::round`] says.
    pub fn run(job: &Job<'_>, share: Duration) -> Result<Comparison, Error> {
        let (ours, theirs) = (PerCpuMetrics::new()?, SharedMetrics::new()?);
        let mut per_cpu = Served::new(&ours);
        let mut shared = Served::new(&theirs);

        let throwaway = SharedMetrics::new()?;
        let warm_up = share.div_f64(10.0).min(Duration::from_millis(500));
        Served::new(&throwaway).round(job, &throwaway, warm_up, 0)?;

        let rounds = share.as_millis().div_ceil(500).clamp(1, 20) as u32;
        for round in 0..rounds {
            let (turn, seed) = (share / rounds, u64::from(round) + 1);
            if job.stop.load(Ordering::Relaxed) {
                break;
            } else if round % 2 == 0 {
                per_cpu.round(job, &ours, turn, seed)?;
                shared.round(job, &theirs, turn, seed)?;
            } else {
                shared.round(job, &theirs, turn, seed)?;
                per_cpu.round(job, &ours, turn, seed)?;
            }
        }
        per_cpu.check(&ours);
        shared.check(&theirs);
        Ok(Comparison { per_cpu, shared })
    }

    /// Requests a second on per-CPU counters for each one on shared atomics: the
    /// median over the rounds; none when an interrupt left nothing to compare.
    pub fn ratio(&self) -> Option<f64> {
        let turns = self.per_cpu.rates.iter().zip(&self.shared.rates);
        let ratio = median(turns.map(|(ours, theirs)| ours / theirs).collect());
        ratio.is_finite().then_some(ratio)
    }
}

/// What an update of the statistics costs, in ns of a thread's time.
#[derive(Debug, Clone, Copy)]
pub struct UpdateCost {
    /// What was updated.
    pub what: &'static str,
    /// By how many threads at once.
    pub threads: usize,
    /// On per-CPU counters: the median of all turns.
    pub per_cpu: f64,
    /// On shared atomics: the same.
    pub shared: f64,
}

/// All rows of that table.
#[derive(Debug)]
pub struct UpdateCosts {
    /// In the order of printing.
    pub rows: Vec<UpdateCost>,
}

/// Turns of each kind; odd, for the median.
const TURNS: usize = 41;
/// Updates in a turn, by each thread.
const UPDATES: u64 = 100_000;

impl UpdateCosts {
    /// Measures, for a part of a second; at most one thread to a CPU, since more
    /// would measure the scheduler.
    ///
    /// # Errors
    ///
    /// [`Error::PerCpu`], [`Error::Thread`].
    pub fn measure(threads: usize) -> Result<UpdateCosts, Error> {
        let threads = threads.min(thread::available_parallelism().map_or(1, NonZeroUsize::get));
        let mut rows = vec![UpdateCost::measure(Update::OneCounter, 1)?];
        if threads > 1 {
            rows.push(UpdateCost::measure(Update::OneCounter, threads)?);
        }
        rows.push(UpdateCost::measure(Update::EachOfAHit, threads)?);
        Ok(UpdateCosts { rows })
    }
}

/// What is updated, over and over.
#[derive(Debug, Clone, Copy)]
enum Update {
    OneCounter,
    /// The four words that a hit updates, for latencies that vary.
    EachOfAHit,
}

impl Update {
    fn name(self) -> &'static str {
        match self {
            Update::OneCounter => "one counter, again and again",
            Update::EachOfAHit => "each of the 4 words of a hit",
        }
    }

    #[inline]
    fn run<M: Metrics>(self, metrics: &M, updates: u64) {
        match self {
            Update::OneCounter => {
                for _ in 0..updates {
                    metrics.add(Count::Hits, black_box(1));
                }
            }
            Update::EachOfAHit => {
                for n in 0..updates / 4 {
                    metrics.add(Count::Reads, 1);
                    metrics.add(Count::Hits, 1);
                    metrics.add(Count::BytesRead, black_box(4096));
                    metrics.observe(bucket_of(300 + (n & 255)));
                }
            }
        }
    }
}

impl UpdateCost {
    fn measure(update: Update, threads: usize) -> Result<UpdateCost, Error> {
        let (ours, theirs) = (PerCpuMetrics::new()?, SharedMetrics::new()?);
        turn(update, &ours, threads)?; // warm, not counted
        turn(update, &theirs, threads)?;
        let (mut per_cpu, mut shared) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            per_cpu.push(turn(update, &ours, threads)?);
            shared.push(turn(update, &theirs, threads)?);
        }
        let (per_cpu, shared) = (median(per_cpu), median(shared));
        Ok(UpdateCost { what: update.name(), threads, per_cpu, shared })
    }
}

/// Nanoseconds an update took, the mean over threads that ran at the same time.
fn turn<M: Metrics>(update: Update, metrics: &M, threads: usize) -> Result<f64, Error> {
    let begin = AtomicU8::new(WAIT);
    let ready = AtomicUsize::new(0);
    let work = || {
        ready.fetch_add(1, Ordering::Release);
        loop {
            match begin.load(Ordering::Acquire) {
                WAIT => hint::spin_loop(),
                GO => break,
                _ => return 0.0,
            }
        }
        let start = Instant::now();
        update.run(metrics, UPDATES);
        start.elapsed().as_nanos() as f64 / UPDATES as f64
    };
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(threads);
        for number in 1..=threads {
            match thread::Builder::new().spawn_scoped(scope, work) {
                Ok(worker) => workers.push(worker),
                Err(source) => {
                    begin.store(LEAVE, Ordering::Release);
                    return Err(Error::Thread { number, wanted: threads, source });
                }
            }
        }
        while ready.load(Ordering::Acquire) < threads {
            thread::yield_now();
        }
        begin.store(GO, Ordering::Release);
        let mut total = 0.0;
        for worker in workers {
            total += worker.join().map_err(|_| Error::ThreadPanicked)?;
        }
        Ok(total / threads as f64)
    })
}

// What threads that are about to take a turn are told.
const WAIT: u8 = 0;
const GO: u8 = 1;
const LEAVE: u8 = 2;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => (values[n / 2] + values[(n - 1) / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_many_and_of_few() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn updates_of_both_kinds_can_be_measured() {
        for update in [Update::OneCounter, Update::EachOfAHit] {
            assert!(turn(update, &PerCpuMetrics::new().unwrap(), 2).unwrap() > 0.0);
            assert!(turn(update, &SharedMetrics::new().unwrap(), 2).unwrap() > 0.0);
        }
    }
}
