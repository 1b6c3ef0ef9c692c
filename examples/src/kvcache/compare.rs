//! Per-CPU counters against plain atomics that all threads share.
//!
//! Two questions, each answered within one run and in turns, so that what else
//! the machine does falls on both: what does it mean for the whole program, and
//! what does one update cost.

use std::hint::{self, black_box};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
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
    /// Whether these threads could be made to run at the same time; if not, the
    /// machine was busy and the shared atomics look cheaper than they are.
    pub together: bool,
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
/// On a busy machine: how long to try until enough turns ran undisturbed.
const PATIENCE: Duration = Duration::from_millis(500);
/// Updates in a turn, by each thread.
const UPDATES: u64 = 200_000;

impl UpdateCosts {
    /// Measures, for a second or two; at most one thread to a CPU, since more
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
                    metrics.observe(300 + (n & 255));
                }
            }
        }
    }
}

impl UpdateCost {
    fn measure(update: Update, threads: usize) -> Result<UpdateCost, Error> {
        let (ours, theirs) = (PerCpuMetrics::new()?, SharedMetrics::new()?);
        let both = || -> Result<(Turn, Turn), Error> {
            Ok((turn(update, &ours, threads)?, turn(update, &theirs, threads)?))
        };
        both()?; // warm, not counted

        let (mut kept, mut rest) = (Vec::new(), Vec::new());
        let start = Instant::now();
        while kept.len() < TURNS && (rest.len() < TURNS / 4 || start.elapsed() < PATIENCE) {
            let pair = both()?;
            let together = pair.0.together && pair.1.together;
            if together { &mut kept } else { &mut rest }.push(pair);
        }
        let together = kept.len() >= TURNS / 4;
        let pairs = if together { kept } else { rest };
        Ok(UpdateCost {
            what: update.name(),
            threads,
            together,
            per_cpu: median(pairs.iter().map(|(ours, _)| ours.ns).collect()),
            shared: median(pairs.iter().map(|(_, theirs)| theirs.ns).collect()),
        })
    }
}

/// Every thread's updates, once.
struct Turn {
    /// What an update took, the mean over all threads.
    ns: f64,
    /// The threads ran at the same time, not one after another on one CPU as
    /// happens on a busy machine; else there was nothing to contend for.
    together: bool,
}

/// Lets `threads` begin at the same moment and takes their times.
fn turn<M: Metrics>(update: Update, metrics: &M, threads: usize) -> Result<Turn, Error> {
    let ready = &AtomicUsize::new(0);
    let work = move || {
        ready.fetch_add(1, Ordering::Relaxed);
        let mut spins = 0_u32;
        while ready.load(Ordering::Relaxed) < threads {
            hint::spin_loop();
            spins += 1;
            if spins.is_multiple_of(4096) {
                thread::yield_now(); // to those who are not there yet
            }
        }
        let start = Instant::now();
        update.run(metrics, UPDATES);
        (start, Instant::now())
    };
    let times: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let mut workers = Vec::with_capacity(threads);
        for number in 1..=threads {
            match thread::Builder::new().spawn_scoped(scope, work) {
                Ok(worker) => workers.push(worker),
                Err(source) => {
                    ready.store(threads, Ordering::Relaxed); // nobody waits for ever
                    return Err(Error::Thread { number, wanted: threads, source });
                }
            }
        }
        workers.into_iter().map(|it| it.join().map_err(|_| Error::ThreadPanicked)).collect()
    })?;
    let spent: Duration = times.iter().map(|(start, end)| *end - *start).sum();
    let first = times.iter().map(|(start, _)| start).min();
    let last = times.iter().map(|(_, end)| end).max();
    let whole = first.zip(last).map_or(Duration::ZERO, |(first, last)| *last - *first);
    Ok(Turn {
        ns: spent.as_nanos() as f64 / (threads as u64 * UPDATES) as f64,
        together: spent >= whole * threads as u32 * 3 / 4,
    })
}

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
            assert!(turn(update, &PerCpuMetrics::new().unwrap(), 2).unwrap().ns > 0.0);
            assert!(turn(update, &SharedMetrics::new().unwrap(), 2).unwrap().ns > 0.0);
        }
    }
}
