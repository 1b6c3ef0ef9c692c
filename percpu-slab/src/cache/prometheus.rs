//! [`CacheCollector`]: a cache as metrics of the crate `prometheus`.

use core::fmt;
use std::collections::HashMap;

use ::prometheus::core::{Collector, Desc};
use ::prometheus::proto::MetricFamily;
use ::prometheus::{IntCounter, IntGauge, Opts};

use super::stats::CacheStats;

/// A cache as metrics, for a `prometheus::Registry`: each scrape reads its
/// [`stats`](crate::Cache::stats). The cache's name is the label `cache`, so a registry
/// takes several caches, of different names.
///
/// ```
/// use percpu_slab::{Cache, CacheCollector};
/// use prometheus::{Registry, TextEncoder};
/// use std::sync::Arc;
///
/// let cache = Arc::new(Cache::<u64>::builder().name("numbers").build()?);
/// let registry = Registry::new();
/// let theirs = Arc::clone(&cache);
/// registry.register(Box::new(CacheCollector::new(move || theirs.stats())))?;
///
/// let number = cache.alloc(7)?;
/// let text = TextEncoder::new().encode_to_string(&registry.gather())?;
/// assert!(text.contains("percpu_slab_live_objects{cache=\"numbers\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CacheCollector {
    stats: Box<dyn Fn() -> CacheStats + Send + Sync>,
    /// In the order of `rows`.
    descriptions: Vec<Desc>,
}

/// A metric: a gauge, or a count since the cache was made.
struct Row {
    name: &'static str,
    help: &'static str,
    counts: bool,
    value: u64,
}

fn rows(stats: &CacheStats) -> impl Iterator<Item = Row> {
    let gauge = |name, help, value: usize| Row { name, help, counts: false, value: value as u64 };
    let counter = |name, help, value| Row { name, help, counts: true, value };
    [
        gauge("live_objects", "Objects with users", stats.live),
        gauge("cached_objects", "Free objects in magazines and depots", stats.cached),
        gauge("objects", "Objects there is memory for", stats.total),
        gauge("object_bytes", "Bytes of an object", stats.object_size),
        gauge("slabs", "Slabs", stats.slabs),
        gauge("bytes", "Bytes from the system", stats.bytes),
        counter("misses_total", "Allocations no magazine served", stats.misses),
        counter("refills_total", "Magazines that came from slabs", stats.refills),
        counter("flushes_total", "Magazines that went to slabs", stats.flushes),
        counter("depot_gets_total", "Magazines that came from a depot", stats.depot_gets),
        counter("depot_puts_total", "Magazines that went into a depot", stats.depot_puts),
    ]
    .into_iter()
    .chain(stats.limit.map(|limit| gauge("limit_objects", "Objects there may be", limit)))
    .chain(stats.hits.map(|hits| counter("hits_total", "Allocations a magazine served", hits)))
}

impl Row {
    fn options(&self, cache: &str) -> Opts {
        let label = HashMap::from([("cache".to_string(), cache.to_string())]);
        Opts::new(self.name, self.help).namespace("percpu_slab").const_labels(label)
    }

    fn families(&self, cache: &str) -> ::prometheus::Result<Vec<MetricFamily>> {
        // Made for this scrape alone: a counter cannot be set.
        if self.counts {
            let counter = IntCounter::with_opts(self.options(cache))?;
            counter.inc_by(self.value);
            return Ok(counter.collect());
        }
        let gauge = IntGauge::with_opts(self.options(cache))?;
        gauge.set(i64::try_from(self.value).unwrap_or(i64::MAX));
        Ok(gauge.collect())
    }
}

impl CacheCollector {
    /// Metrics of a cache, which `stats` asks for its own.
    pub fn new(stats: impl Fn() -> CacheStats + Send + Sync + 'static) -> Self {
        let now = stats();
        let describe = |row: Row| {
            ::prometheus::core::Describer::describe(&row.options(&now.name))
                .expect("names and help are as they should be")
        };
        let descriptions = rows(&now).map(describe).collect();
        Self { stats: Box::new(stats), descriptions }
    }
}

impl Collector for CacheCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let stats = (self.stats)();
        let families = |row: Row| row.families(&stats.name).expect("as they were described");
        rows(&stats).flat_map(families).collect()
    }
}

impl fmt::Debug for CacheCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheCollector").field("stats", &(self.stats)()).finish()
    }
}
