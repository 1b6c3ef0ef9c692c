//! Threads that serve requests, and the line that tells how it goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cache::PageCache;
use super::error::Error;
use super::figures;
use super::stats::{Count, Metrics, Totals};
use super::store::{PAGE, PageKey};
use super::ui::LiveLine;
use super::workload::{Request, Requests, Workload};

/// What is to be served, by whom.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The cache that is asked.
    pub cache: &'a PageCache<'a>,
    /// Its keys, the most popular first.
    pub keys: &'a [PageKey],
    /// Reads and writes.
    pub workload: Workload,
    /// The skew.
    pub zipf: f64,
    /// How many clients.
    pub threads: usize,
    /// Of the random choices.
    pub seed: u64,
    /// Raised by a signal.
    pub stop: &'a AtomicBool,
}

/// What one kind of counters has seen, in one round or more.
#[derive(Debug)]
pub struct Served {
    /// How tables call the kind of counters.
    pub name: &'static str,
    /// What the threads tallied by themselves.
    pub tally: Totals,
    /// Requests a second, round by round.
    pub rates: Vec<f64>,
    /// Time spent serving.
    pub took: Duration,
    /// What the counters said at the end.
    pub counted: Totals,
    /// Where the counters differ from the tally; see [`Served::check`].
    pub mismatches: Vec<String>,
}

/// The live line changes this often.
const TICK: Duration = Duration::from_millis(500);
/// A signal is noticed this soon.
const GLANCE: Duration = Duration::from_millis(50);

impl Served {
    /// Nothing yet.
    pub fn new<M: Metrics>(_: &M) -> Served {
        Served {
            name: M::NAME,
            tally: Totals::zero(),
            rates: Vec::new(),
            took: Duration::ZERO,
            counted: Totals::zero(),
            mismatches: Vec::new(),
        }
    }

    /// Serves for `duration`, or until a signal; `round` varies the requests.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`], or what the cache said first.
    pub fn round<M: Metrics>(
        &mut self,
        job: &Job<'_>,
        metrics: &M,
        duration: Duration,
        round: u64,
    ) -> Result<(), Error> {
        let done = &AtomicBool::new(false);
        let start = Instant::now();
        let (results, took) = thread::scope(|scope| {
            let mut workers = Vec::with_capacity(job.threads);
            for number in 0..job.threads {
                let seed = job.seed ^ ((round << 32) + number as u64 + 1);
                let work = move || client(job, metrics, seed, done);
                match thread::Builder::new().spawn_scoped(scope, work) {
                    Ok(worker) => workers.push(worker),
                    Err(source) => {
                        done.store(true, Ordering::Relaxed);
                        return Err(Error::Thread {
                            number: number + 1,
                            wanted: job.threads,
                            source,
                        });
                    }
                }
            }
            watch(job, metrics, start + duration, done);
            let took = start.elapsed();
            let results: Vec<_> = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or(Err(Error::ThreadPanicked)))
                .collect();
            Ok((results, took))
        })?;
        let mut tally = Totals::zero();
        let mut errors = Vec::new();
        for result in results {
            match result {
                Ok(one) => tally.merge(&one),
                Err(error) => errors.push(error),
            }
        }
        if let Some(cause) = errors.into_iter().min_by_key(Error::follows_another) {
            return Err(cause);
        }
        self.rates.push(tally.requests() as f64 / took.as_secs_f64());
        self.tally.merge(&tally);
        self.took += took;
        Ok(())
    }

    /// Compares what the counters say with what the threads tallied. Every
    /// thread that fed them is gone.
    pub fn check<M: Metrics>(&mut self, metrics: &M) {
        self.counted = Totals::of(metrics);
        self.mismatches = self.counted.differences(&self.tally);
    }

    /// Requests a second over all rounds.
    pub fn rate(&self) -> f64 {
        self.tally.requests() as f64 / self.took.as_secs_f64()
    }
}

/// Shows the live line until the time is over, a signal came, or a client gave
/// up; then tells all clients to end.
fn watch<M: Metrics>(job: &Job<'_>, metrics: &M, end: Instant, done: &AtomicBool) {
    let mut line = LiveLine::new();
    let mut last = (Instant::now(), Totals::of(metrics));
    loop {
        let now = Instant::now();
        if now >= end || job.stop.load(Ordering::Relaxed) || done.load(Ordering::Relaxed) {
            break;
        }
        if now - last.0 >= TICK {
            let totals = Totals::of(metrics);
            line.show(&figures::live(M::NAME, job.workload, &totals.since(&last.1), now - last.0));
            last = (now, totals);
        }
        thread::sleep(GLANCE.min(end - now));
    }
    done.store(true, Ordering::Relaxed);
}

/// Counts into the metrics and, to check them, into plain integers.
struct Scribe<'m, M> {
    metrics: &'m M,
    tally: Totals,
}

impl<M: Metrics> Scribe<'_, M> {
    #[inline]
    fn add(&mut self, what: Count, n: u64) {
        self.metrics.add(what, n);
        self.tally.add(what, n);
    }

    #[inline]
    fn observe(&mut self, ns: u64) {
        self.metrics.observe(ns);
        self.tally.observe(ns);
    }
}

/// One client: asks, waits, counts, asks again. A latency is the time from one
/// answer to the next, so it holds the few ns of drawing a request too.
fn client<M: Metrics>(
    job: &Job<'_>,
    metrics: &M,
    seed: u64,
    done: &AtomicBool,
) -> Result<Totals, Error> {
    let mut scribe = Scribe { metrics, tally: Totals::zero() };
    let mut requests = Requests::new(job.keys, job.zipf, job.workload, seed);
    let mut page = Vec::with_capacity(PAGE);
    let mut written = 0_u64;
    let mut last = Instant::now();
    while !done.load(Ordering::Relaxed) {
        let served = match requests.draw() {
            Request::Read(key) => read(job.cache, key, &mut page, &mut scribe),
            Request::Write(key) => {
                written += 1;
                write(job.cache, key, new_page(seed, written), &mut scribe)
            }
        };
        if let Err(error) = served {
            done.store(true, Ordering::Relaxed); // the others need not go on
            return Err(error);
        }
        let now = Instant::now();
        scribe.observe((now - last).as_nanos() as u64);
        last = now;
    }
    Ok(scribe.tally)
}

#[inline]
fn read<M: Metrics>(
    cache: &PageCache<'_>,
    key: PageKey,
    page: &mut Vec<u8>,
    scribe: &mut Scribe<'_, M>,
) -> Result<(), Error> {
    let read = cache.read(key, page)?;
    scribe.add(Count::Reads, 1);
    scribe.add(if read.hit { Count::Hits } else { Count::Misses }, 1);
    scribe.add(Count::BytesRead, page.len() as u64);
    if read.evictions > 0 {
        scribe.add(Count::Evictions, read.evictions);
    }
    Ok(())
}

fn write<M: Metrics>(
    cache: &PageCache<'_>,
    key: PageKey,
    page: Box<[u8]>,
    scribe: &mut Scribe<'_, M>,
) -> Result<(), Error> {
    let bytes = page.len() as u64;
    let evictions = cache.write(key, page)?;
    scribe.add(Count::Writes, 1);
    scribe.add(Count::BytesWritten, bytes);
    if evictions > 0 {
        scribe.add(Count::Evictions, evictions);
    }
    Ok(())
}

/// A full page that no other write made.
fn new_page(client: u64, number: u64) -> Box<[u8]> {
    let mut page = format!("revision {number} by client {client}\n").into_bytes();
    page.resize(PAGE, b'.');
    page.into()
}
