//! All that is counted, once per CPU and, to compare, once for all.

use std::sync::atomic::{AtomicU64, Ordering};

use percpu_counter::histogram::{Shape, Snapshot};
use percpu_counter::{Counter, Histogram};

use super::error::Error;

/// Latencies: ns, to a minute, told apart by 1 %. A slower request counts as one of a
/// minute.
pub const LATENCIES: Shape = match Shape::new(1, 60_000_000_000, 2) {
    Ok(shape) => shape,
    Err(_) => panic!("not a shape"),
};

/// A thing that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Pages asked for.
    Reads,
    /// Of these, found in the cache.
    Hits,
    /// Of these, fetched from the database.
    Misses,
    /// Pages replaced.
    Writes,
    /// Pages that left the cache for others.
    Evictions,
    /// Bytes handed to readers.
    BytesRead,
    /// Bytes taken from writers.
    BytesWritten,
}

impl Count {
    /// Every one, in the order of the enum.
    pub const ALL: [Count; 7] = [
        Count::Reads,
        Count::Hits,
        Count::Misses,
        Count::Writes,
        Count::Evictions,
        Count::BytesRead,
        Count::BytesWritten,
    ];
}

/// Counters that many threads feed and one reads while they do.
pub trait Metrics: Sync + Sized {
    /// How tables call this kind.
    const NAME: &'static str;

    /// All at zero.
    ///
    /// # Errors
    ///
    /// [`Error::PerCpu`], [`Error::Histogram`] when there is no memory for them.
    fn new() -> Result<Self, Error>;

    /// Counts `n`.
    fn add(&self, what: Count, n: u64);

    /// Counts one request in the histogram.
    fn observe(&self, ns: u64);

    /// The total of one counter so far.
    fn total(&self, what: Count) -> u64;

    /// The requests so far.
    fn latencies(&self) -> Snapshot;
}

/// One word per CPU and counter: an update touches this CPU's word only.
#[derive(Debug)]
pub struct PerCpuMetrics {
    counters: [Counter; Count::ALL.len()],
    latencies: Histogram,
}

impl Metrics for PerCpuMetrics {
    const NAME: &'static str = "per-CPU";

    fn new() -> Result<Self, Error> {
        let counter = Counter::new;
        Ok(PerCpuMetrics {
            counters: [
                counter()?,
                counter()?,
                counter()?,
                counter()?,
                counter()?,
                counter()?,
                counter()?,
            ],
            latencies: Histogram::new(LATENCIES)?,
        })
    }

    #[inline]
    fn add(&self, what: Count, n: u64) {
        self.counters[what as usize].add(n);
    }

    #[inline]
    fn observe(&self, ns: u64) {
        self.latencies.saturating_record(ns);
    }

    fn total(&self, what: Count) -> u64 {
        self.counters[what as usize].sum()
    }

    fn latencies(&self) -> Snapshot {
        self.latencies.snapshot()
    }
}

/// The rival: the same counters as plain atomics that all threads share. Those
/// that every request touches have a cache line each, the best such a design
/// can do; the histogram is a plain array.
#[derive(Debug)]
pub struct SharedMetrics {
    counters: [OwnLine; Count::ALL.len()],
    latencies: Box<[AtomicU64]>,
}

/// Two lines in fact: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OwnLine(AtomicU64);

impl Metrics for SharedMetrics {
    const NAME: &'static str = "shared atomics";

    fn new() -> Result<Self, Error> {
        Ok(SharedMetrics {
            counters: Default::default(),
            latencies: (0..LATENCIES.buckets()).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    // Relaxed, here and below: totals order nothing else, and the final check
    // reads them after the threads were joined.
    #[inline]
    fn add(&self, what: Count, n: u64) {
        self.counters[what as usize].0.fetch_add(n, Ordering::Relaxed);
    }

    #[inline]
    fn observe(&self, ns: u64) {
        let bucket = LATENCIES.index_of(ns.min(LATENCIES.high())).expect("in range");
        self.latencies[bucket].fetch_add(1, Ordering::Relaxed);
    }

    fn total(&self, what: Count) -> u64 {
        self.counters[what as usize].0.load(Ordering::Relaxed)
    }

    fn latencies(&self) -> Snapshot {
        let counts = self.latencies.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Snapshot::from_counts(LATENCIES, counts).expect("one for each bucket")
    }
}

/// Plain numbers: what counters said at a moment, or what a thread tallied by
/// itself to check them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    counts: [u64; Count::ALL.len()],
    latencies: Snapshot,
}

impl Totals {
    /// All zero.
    pub fn zero() -> Totals {
        Totals { counts: [0; Count::ALL.len()], latencies: Snapshot::empty(LATENCIES) }
    }

    /// What `metrics` say now.
    pub fn of<M: Metrics>(metrics: &M) -> Totals {
        Totals {
            counts: Count::ALL.map(|what| metrics.total(what)),
            latencies: metrics.latencies(),
        }
    }

    /// Tallies `n`.
    #[inline]
    pub fn add(&mut self, what: Count, n: u64) {
        self.counts[what as usize] += n;
    }

    /// Tallies one request.
    #[inline]
    pub fn observe(&mut self, ns: u64) {
        self.latencies.saturating_record_n(ns, 1);
    }

    /// One counter.
    pub fn get(&self, what: Count) -> u64 {
        self.counts[what as usize]
    }

    /// Reads and writes.
    pub fn requests(&self) -> u64 {
        self.get(Count::Reads) + self.get(Count::Writes)
    }

    /// Hits among reads, from 0 to 1; none without reads.
    pub fn hit_ratio(&self) -> Option<f64> {
        let reads = self.get(Count::Reads);
        (reads > 0).then(|| self.get(Count::Hits) as f64 / reads as f64)
    }

    /// The latency in ns that a share `q` of the requests does not exceed.
    pub fn latency(&self, q: f64) -> Option<u64> {
        (!self.latencies.is_empty()).then(|| self.latencies.value_at_quantile(q))
    }

    /// What came since `earlier`. A reader beside running threads may see one
    /// counter a moment before another, but no counter ever goes back.
    pub fn since(&self, earlier: &Totals) -> Totals {
        let counts = std::array::from_fn(|n| self.counts[n].wrapping_sub(earlier.counts[n]));
        let latencies = self.latencies.since(&earlier.latencies);
        Totals { counts, latencies: latencies.expect("no count goes back") }
    }

    /// Both together.
    pub fn merge(&mut self, other: &Totals) {
        for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *ours = ours.wrapping_add(*theirs);
        }
        self.latencies.merge(&other.latencies).expect("all have one shape");
    }

    /// Where these counters differ from `tally`, in words; nothing if they are
    /// exact.
    pub fn differences(&self, tally: &Totals) -> Vec<String> {
        let counts = Count::ALL.iter().map(|what| format!("{what:?}"));
        let buckets = (0..LATENCIES.buckets()).map(|bucket| format!("latency bucket {bucket}"));
        let ours = self.counts.iter().chain(self.latencies.counts());
        let theirs = tally.counts.iter().chain(tally.latencies.counts());
        counts
            .chain(buckets)
            .zip(ours.zip(theirs))
            .filter(|(_, (ours, theirs))| ours != theirs)
            .map(|(name, (ours, theirs))| {
                format!("counter {name} says {ours}, the threads tallied {theirs}")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts_exactly<M: Metrics>() {
        let metrics = M::new().unwrap();
        let mut tally = Totals::zero();
        for n in 0..10_000 {
            let what = Count::ALL[n % Count::ALL.len()];
            metrics.add(what, n as u64);
            tally.add(what, n as u64);
            metrics.observe(1 << (n % 64));
            tally.observe(1 << (n % 64));
        }
        assert_eq!(Totals::of(&metrics), tally);
        assert_eq!(Totals::of(&metrics).differences(&tally), [""; 0]);
    }

    #[test]
    fn per_cpu_counts_exactly() {
        counts_exactly::<PerCpuMetrics>();
    }

    #[test]
    fn shared_counts_exactly() {
        counts_exactly::<SharedMetrics>();
    }

    #[test]
    fn a_lost_update_is_told() {
        let metrics = SharedMetrics::new().unwrap();
        let mut tally = Totals::zero();
        metrics.add(Count::Hits, 4);
        tally.add(Count::Hits, 5);
        tally.observe(17);
        let told = Totals::of(&metrics).differences(&tally);
        assert_eq!(
            told,
            [
                "counter Hits says 4, the threads tallied 5",
                "counter latency bucket 17 says 0, the threads tallied 1",
            ]
        );
    }

    #[test]
    fn what_came_since() {
        let mut earlier = Totals::zero();
        earlier.add(Count::Reads, 5);
        let mut later = earlier.clone();
        later.add(Count::Reads, 8);
        later.add(Count::Hits, 2);
        let between = later.since(&earlier);
        assert_eq!(between.get(Count::Reads), 8);
        assert_eq!(between.hit_ratio(), Some(0.25));
        earlier.merge(&between);
        assert_eq!(earlier, later);
    }
}
