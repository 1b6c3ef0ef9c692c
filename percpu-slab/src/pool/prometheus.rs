//! [`PoolCollector`]: a pool as metrics of the crate `prometheus`.

use core::fmt;

use ::prometheus::core::{Collector, Desc, Describer};
use ::prometheus::proto::MetricFamily;
use ::prometheus::{IntCounter, IntGauge, Opts};

use super::stats::PoolStats;

/// A pool as metrics, for a `prometheus::Registry`: each scrape reads its
/// [`stats`](crate::Pool::stats). The pool's name is the label `pool`, so a registry takes
/// several pools, of different names.
///
/// ```
/// use percpu_slab::Pool;
/// use percpu_slab::pool::PoolCollector;
/// use prometheus::{Registry, TextEncoder};
/// use std::sync::Arc;
///
/// let pool = Arc::new(Pool::builder(String::new).name("lines").limit(9).build()?);
/// let registry = Registry::new();
/// let theirs = Arc::clone(&pool);
/// registry.register(Box::new(PoolCollector::new(move || theirs.stats())))?;
///
/// let line = pool.get();
/// let text = TextEncoder::new().encode_to_string(&registry.gather())?;
/// assert!(text.contains("percpu_slab_pool_live_values{pool=\"lines\"} 1\n"));
/// assert!(text.contains("percpu_slab_pool_limit_values{pool=\"lines\"} 9\n"));
/// assert!(text.contains("# TYPE percpu_slab_pool_misses_total counter\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PoolCollector {
    stats: Box<dyn Fn() -> PoolStats + Send + Sync>,
    /// In the order of `rows`.
    descriptions: Vec<Desc>,
}

/// A metric.
struct Row {
    options: Opts,
    /// Since the pool was made; else what is there now.
    counts: bool,
    value: u64,
}

fn rows(stats: &PoolStats) -> impl Iterator<Item = Row> {
    let row = |name, help, counts, value| {
        let options = Opts::new(name, help).namespace("percpu_slab_pool");
        Row { options: options.const_label("pool", stats.name.as_str()), counts, value }
    };
    let gauge = move |name, help, value| row(name, help, false, value);
    let counter = move |name, help, value| row(name, help, true, value);
    let traffic = &stats.traffic;
    [
        gauge("live_values", "Values that exist", stats.live),
        gauge("cached_values", "Values in the pool", stats.cached),
        counter("created_total", "Values that were made", stats.created),
        counter("hits_total", "Gets and puts that the CPU served, if counted", traffic.hits()),
        counter("misses_total", "Gets and puts that the CPU did not serve", traffic.misses()),
        counter("depot_gets_total", "Magazines that came from a depot", traffic.depot_gets),
        counter("depot_puts_total", "Magazines that went into a depot", traffic.depot_puts),
    ]
    .into_iter()
    .chain(stats.limit.map(|limit| gauge("limit_values", "Values there may be", limit)))
}

impl Row {
    fn families(self) -> ::prometheus::Result<Vec<MetricFamily>> {
        // Made for this scrape alone: a counter cannot be set.
        if self.counts {
            let counter = IntCounter::with_opts(self.options)?;
            counter.inc_by(self.value);
            return Ok(counter.collect());
        }
        let gauge = IntGauge::with_opts(self.options)?;
        gauge.set(i64::try_from(self.value).unwrap_or(i64::MAX));
        Ok(gauge.collect())
    }
}

impl PoolCollector {
    /// Metrics of a pool, which `stats` asks for its own.
    pub fn new(stats: impl Fn() -> PoolStats + Send + Sync + 'static) -> Self {
        let describe = |row: Row| row.options.describe().expect("names and help are in order");
        let descriptions = rows(&stats()).map(describe).collect();
        Self { stats: Box::new(stats), descriptions }
    }
}

impl Collector for PoolCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        rows(&(self.stats)()).flat_map(|row| row.families().expect("as described")).collect()
    }
}

impl fmt::Debug for PoolCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolCollector").field("stats", &(self.stats)()).finish()
    }
}
