//! Caches as metrics.

#![cfg(not(percpu_loom))]

use std::sync::Arc;

use percpu_slab::{Cache, CacheCollector};
use prometheus::{Registry, TextEncoder};

#[test]
fn caches_of_one_registry_are_told_apart_and_read_anew() {
    let registry = Registry::new();
    let caches = ["a", "b"].map(|name| {
        let cache =
            Arc::new(Cache::<u64>::builder().name(name).count_hits(true).limit(9).build().unwrap());
        let theirs = Arc::clone(&cache);
        registry.register(Box::new(CacheCollector::new(move || theirs.stats()))).unwrap();
        cache
    });
    let text = || TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let objects = [1, 2].map(|i| caches[1].alloc(i).unwrap());
    let scraped = text();
    for line in [
        "percpu_slab_live_objects{cache=\"a\"} 0\n",
        "percpu_slab_live_objects{cache=\"b\"} 2\n",
        "percpu_slab_misses_total{cache=\"b\"} 1\n",
        "percpu_slab_hits_total{cache=\"b\"} 1\n",
        "percpu_slab_limit_objects{cache=\"a\"} 9\n",
        "# TYPE percpu_slab_misses_total counter\n",
        "# TYPE percpu_slab_bytes gauge\n",
    ] {
        assert!(scraped.contains(line), "{line}{scraped}");
    }
    drop(objects);
    assert!(text().contains("percpu_slab_live_objects{cache=\"b\"} 0\n"));
    let again = Arc::clone(&caches[0]);
    let same = CacheCollector::new(move || again.stats());
    assert!(registry.register(Box::new(same)).is_err(), "one of each name");
}
