//! All that is counted, once per CPU and, to compare, once for all.

use percpu_core::PerCpu;
use percpu_core::atomic::{AtomicU64, Ordering};
use percpu_counter::Counter;

use super::error::Error;
use super::histogram::{self, BUCKETS};

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
    /// [`Error::PerCpu`] when there is no memory for them.
    fn new() -> Result<Self, Error>;

    /// Counts `n`.
    fn add(&self, what: Count, n: u64);

    /// Counts one request in a bucket of the histogram.
    fn observe(&self, bucket: usize);

    /// The total of one counter so far.
    fn total(&self, what: Count) -> u64;

    /// The requests in a bucket so far.
    fn observed(&self, bucket: usize) -> u64;
}

/// One word per CPU and counter: an update touches this CPU's word only.
#[derive(Debug)]
pub struct PerCpuMetrics {
    counters: [Counter; Count::ALL.len()],
    latencies: PerCpu<[AtomicU64; BUCKETS]>,
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
            latencies: PerCpu::<[AtomicU64; BUCKETS]>::zeroed()?,
        })
    }

    #[inline]
    fn add(&self, what: Count, n: u64) {
        self.counters[what as usize].add(n);
    }

    #[inline]
    fn observe(&self, bucket: usize) {
        self.latencies.at(bucket).inc();
    }

    fn total(&self, what: Count) -> u64 {
        self.counters[what as usize].sum()
    }

    fn observed(&self, bucket: usize) -> u64 {
        self.latencies.at(bucket).sum()
    }
}

/// The rival: the same counters as plain atomics that all threads share. Those
/// that every request touches have a cache line each, the best such a design
/// can do; the histogram is a plain array.
#[derive(Debug)]
pub struct SharedMetrics {
    counters: [OwnLine; Count::ALL.len()],
    latencies: Box<[AtomicU64; BUCKETS]>,
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
            latencies: Box::new([const { AtomicU64::new(0) }; BUCKETS]),
        })
    }

    // Relaxed, here and below: totals order nothing else, and the final check
    // reads them after the threads were joined.
    #[inline]
    fn add(&self, what: Count, n: u64) {
        self.counters[what as usize].0.fetch_add(n, Ordering::Relaxed);
    }

    #[inline]
    fn observe(&self, bucket: usize) {
        self.latencies[bucket].fetch_add(1, Ordering::Relaxed);
    }

    fn total(&self, what: Count) -> u64 {
        self.counters[what as usize].0.load(Ordering::Relaxed)
    }

    fn observed(&self, bucket: usize) -> u64 {
        self.latencies[bucket].load(Ordering::Relaxed)
    }
}

/// Plain numbers: what counters said at a moment, or what a thread tallied by
/// itself to check them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    counts: [u64; Count::ALL.len()],
    latencies: Vec<u64>,
}

impl Totals {
    /// All zero.
    pub fn zero() -> Totals {
        Totals { counts: [0; Count::ALL.len()], latencies: vec![0; BUCKETS] }
    }

    /// What `metrics` say now.
    pub fn of<M: Metrics>(metrics: &M) -> Totals {
        Totals {
            counts: Count::ALL.map(|what| metrics.total(what)),
            latencies: (0..BUCKETS).map(|bucket| metrics.observed(bucket)).collect(),
        }
    }

    /// Tallies `n`.
    #[inline]
    pub fn add(&mut self, what: Count, n: u64) {
        self.counts[what as usize] += n;
    }

    /// Tallies one request in a bucket.
    #[inline]
    pub fn observe(&mut self, bucket: usize) {
        self.latencies[bucket] += 1;
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
        histogram::quantile(&self.latencies, q)
    }

    /// What came since `earlier`. A reader beside running threads may see one
    /// counter a moment before another, but no counter ever goes back.
    pub fn since(&self, earlier: &Totals) -> Totals {
        let mut rest = self.clone();
        rest.apply(earlier, u64::wrapping_sub);
        rest
    }

    /// Both together.
    pub fn merge(&mut self, other: &Totals) {
        self.apply(other, u64::wrapping_add);
    }

    fn apply(&mut self, other: &Totals, how: fn(u64, u64) -> u64) {
        let ours = self.counts.iter_mut().chain(&mut self.latencies);
        for (ours, theirs) in ours.zip(other.counts.iter().chain(&other.latencies)) {
            *ours = how(*ours, *theirs);
        }
    }

    /// Where these counters differ from `tally`, in words; nothing if they are
    /// exact.
    pub fn differences(&self, tally: &Totals) -> Vec<String> {
        let counts = Count::ALL.iter().map(|what| format!("{what:?}"));
        let buckets = (0..BUCKETS).map(|bucket| format!("latency bucket {bucket}"));
        let ours = self.counts.iter().chain(&self.latencies);
        let theirs = tally.counts.iter().chain(&tally.latencies);
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
            metrics.observe(n % BUCKETS);
            tally.observe(n % BUCKETS);
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
