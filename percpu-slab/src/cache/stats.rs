//! [`CacheStats`]: what a cache holds and did.

use core::fmt;

use crate::raw::ObjectCache;

/// What a [`Cache`](crate::Cache) holds and did; from [`Cache::stats`](crate::Cache::stats).
///
/// Read without stopping anybody: figures of one moment only if nobody uses the cache.
/// Its text is a line of `/proc/slabinfo`, and one of what the magazines did.
///
/// ```
/// let cache = percpu_slab::Cache::<[u8; 64]>::builder().name("lines").build()?;
/// let line = cache.alloc([0; 64])?;
/// let stats = cache.stats();
/// assert_eq!((stats.live, stats.misses), (1, 1));
/// assert!(stats.to_string().starts_with("lines: 1 live"));
/// # Ok::<(), percpu_slab::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[doc(alias = "slabinfo")]
#[non_exhaustive]
pub struct CacheStats {
    /// The cache's name.
    pub name: String,
    /// Bytes that a user has of an object.
    pub object_size: usize,
    /// Bytes from one object to the next.
    pub slot_size: usize,
    /// A slab has 2 to this power pages.
    pub order: u32,
    /// Objects of a slab.
    pub objects_per_slab: usize,
    /// Objects with users, or in the hands of threads in the middle of something.
    #[doc(alias = "active_objs")]
    pub live: usize,
    /// Free objects in magazines and depots.
    pub cached: usize,
    /// Objects there is memory for: with users, cached, and free in their slabs.
    #[doc(alias = "num_objs")]
    pub total: usize,
    /// The most objects there may be out of their slabs.
    pub limit: Option<usize>,
    /// Slabs.
    #[doc(alias = "num_slabs")]
    pub slabs: usize,
    /// Spans that slabs lie in.
    pub spans: usize,
    /// Bytes from the system.
    pub bytes: usize,
    /// Allocations that this CPU's magazine served, if they are counted
    /// ([`CacheBuilder::count_hits`](crate::CacheBuilder::count_hits)).
    #[doc(alias = "ALLOC_FASTPATH")]
    pub hits: Option<u64>,
    /// Allocations that it did not serve.
    #[doc(alias = "ALLOC_SLOWPATH")]
    pub misses: u64,
    /// Magazines that came from slabs.
    #[doc(alias = "SHEAF_REFILL")]
    pub refills: u64,
    /// Magazines that went to slabs.
    #[doc(alias = "SHEAF_FLUSH")]
    pub flushes: u64,
    /// Magazines that came from a depot.
    #[doc(alias = "BARN_GET")]
    pub depot_gets: u64,
    /// Magazines that went into a depot.
    #[doc(alias = "BARN_PUT")]
    pub depot_puts: u64,
}

impl CacheStats {
    pub(crate) fn of(name: &str, limit: Option<usize>, objects: &ObjectCache) -> Self {
        let magazines = objects.magazine_stats();
        // Cached first: what is freed meanwhile is not taken off twice.
        let cached = objects.cached();
        let slabs = objects.slab_stats();
        let geometry = objects.geometry();
        Self {
            name: name.into(),
            object_size: objects.layout().size(),
            slot_size: geometry.size,
            order: geometry.order,
            objects_per_slab: geometry.objects,
            live: slabs.live.saturating_sub(cached),
            cached,
            total: slabs.objects,
            limit,
            slabs: slabs.slabs,
            spans: slabs.spans,
            bytes: slabs.bytes,
            hits: objects.counts_hits().then_some(magazines.get_hits),
            misses: magazines.get_misses,
            refills: magazines.refills,
            flushes: magazines.flushes,
            depot_gets: magazines.depot_gets,
            depot_puts: magazines.depot_puts,
        }
    }
}

impl fmt::Display for CacheStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, live, cached, total, object_size, .. } = self;
        write!(
            f,
            "{name}: {live} live, {cached} cached of {total} objects of {object_size} bytes"
        )?;
        if let Some(limit) = self.limit {
            write!(f, ", at most {limit}")?;
        }
        let Self { slabs, objects_per_slab, order, spans, bytes, .. } = self;
        writeln!(
            f,
            "; {slabs} slabs of {objects_per_slab} (order {order}) in {spans} spans, {bytes} bytes"
        )?;
        write!(f, "  ")?;
        if let Some(hits) = self.hits {
            write!(f, "{hits} hits, ")?;
        }
        let Self { misses, refills, flushes, depot_gets, depot_puts, .. } = self;
        write!(
            f,
            "{misses} misses, {refills} refills, {flushes} flushes; depot: {depot_gets} magazines \
             out, {depot_puts} in"
        )
    }
}
