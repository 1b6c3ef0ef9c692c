//! [`CacheBuilder`]: settings of a [`Cache`].
//!
//! # Safety
//! Makes typed caches of untyped ones, of their type's layout.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;

use super::typed::Cache;
use crate::error::Error;
use crate::hardened::{Callback, Checks, Corruption, Shape};
use crate::raw::{self, Hooks, ObjectCache, ObjectCacheOptions};

/// Settings of a [`Cache`]; from [`Cache::builder`].
///
/// ```
/// let cache = percpu_slab::Cache::<[u8; 256]>::builder()
///     .name("packets")
///     .magazine(32)
///     .limit(100_000)
///     .align(64)
///     .build()?;
/// # Ok::<(), percpu_slab::Error>(())
/// ```
#[must_use = "nothing is made until `build`"]
pub struct CacheBuilder<T> {
    name: Option<String>,
    align: usize,
    limit: Option<usize>,
    magazine: Option<usize>,
    options: ObjectCacheOptions,
    hardened: bool,
    on_corruption: Option<Callback>,
    _of: PhantomData<fn(T) -> T>,
}

impl<T> Cache<T> {
    /// A cache with the usual settings.
    ///
    /// # Errors
    /// [`Error::Layout`] if a `T` is too large, or wants to lie too far apart.
    #[doc(alias = "kmem_cache_create")]
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Settings to choose.
    pub fn builder() -> CacheBuilder<T> {
        CacheBuilder::new()
    }
}

impl<T> CacheBuilder<T> {
    fn new() -> Self {
        Self {
            name: None,
            align: 1,
            limit: None,
            magazine: None,
            options: ObjectCacheOptions::default(),
            hardened: false,
            on_corruption: None,
            _of: PhantomData,
        }
    }

    /// Its name, for statistics and messages. Without one: the type's.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many objects a magazine has, 1 to 60. Without a choice: 4, 12, 28 or 60, fewer
    /// the larger an object is.
    #[doc(alias = "sheaf_capacity")]
    pub fn magazine(mut self, objects: usize) -> Self {
        self.magazine = Some(objects);
        self
    }

    /// How many magazines a CPU may come to have under traffic.
    pub fn max_magazines(mut self, magazines: usize) -> Self {
        self.options.magazines.max_magazines = magazines;
        self.options.magazines.magazines = self.options.magazines.magazines.min(magazines);
        self
    }

    /// How many full magazines the depot of a node has room for.
    pub fn depot(mut self, magazines: usize) -> Self {
        self.options.magazines.depot = magazines;
        self
    }

    /// How many objects there may be: with users, and free but cached.
    pub fn limit(mut self, objects: usize) -> Self {
        self.limit = Some(objects);
        self
    }

    /// Objects lie at multiples of this, a power of two, or of what `T` asks for, if
    /// that is more.
    #[doc(alias = "SLAB_HWCACHE_ALIGN")]
    pub fn align(mut self, bytes: usize) -> Self {
        self.align = bytes;
        self
    }

    /// Whether every allocation and every free is checked: red zones around objects,
    /// poison in free ones, who has which object. What is wrong is told by
    /// [`Cache::validate`], counted, and never makes anything worse: an object that was
    /// overwritten is not used again, a wrong free does nothing.
    ///
    /// # Performance
    /// For finding mistakes: a lock an operation, each byte of an object is written and
    /// looked at, and magazines keep nothing.
    #[doc(alias = "slub_debug")]
    #[doc(alias = "SLAB_RED_ZONE")]
    #[doc(alias = "SLAB_POISON")]
    #[doc(alias = "SLAB_STORE_USER")]
    pub fn hardened(mut self, hardened: bool) -> Self {
        self.hardened = hardened;
        self
    }

    /// What is called, on the thread that notices, with each corruption that a hardened
    /// cache finds. It may panic: that comes out of the allocation or the free.
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    /// static FOUND: AtomicUsize = AtomicUsize::new(0);
    /// let cache = percpu_slab::Cache::<u64>::builder()
    ///     .hardened(true)
    ///     .on_corruption(|corruption| {
    ///         eprintln!("{corruption}");
    ///         FOUND.fetch_add(1, Relaxed);
    ///     })
    ///     .build()?;
    /// drop(cache.alloc(7)?);
    /// assert_eq!(FOUND.load(Relaxed), 0);
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    pub fn on_corruption(mut self, callback: impl Fn(&Corruption) + Send + Sync + 'static) -> Self {
        self.on_corruption = Some(Arc::new(callback));
        self
    }

    /// What stands between the cache and its slabs; see [`Hooks`].
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.options.hooks = Some(hooks);
        self
    }

    /// Whether allocations that a magazine served are counted, see
    /// [`CacheStats::hits`](super::CacheStats::hits).
    ///
    /// # Performance
    /// One more section an allocation.
    pub fn count_hits(mut self, count: bool) -> Self {
        self.options.magazines.count_hits = count;
        self
    }

    /// Makes the cache.
    ///
    /// # Errors
    /// [`Error::Layout`] if a `T` is too large, or wants to lie too far apart;
    /// [`Error::Option`] for a setting that makes no sense. As
    /// [`PerCpu::zeroed`](percpu_core::PerCpu::zeroed).
    pub fn build(mut self) -> Result<Cache<T>, Error> {
        let of = Layout::new::<T>();
        let layout =
            Layout::from_size_align(of.size(), of.align().max(self.align)).map_err(|_| {
                Error::Option { name: "align", value: self.align, min: 1, max: 1 << 12 }
            })?;
        // At least a byte: each object is at a place of its own.
        let layout = Layout::from_size_align(layout.size().max(1), layout.align())
            .expect("a byte more than none");
        self.options.magazines.magazine =
            self.magazine.unwrap_or_else(|| raw::magazine(layout.pad_to_align().size()));
        self.options.slabs.limit = self.limit;
        let name = self.name.unwrap_or_else(|| core::any::type_name::<T>().into());
        if self.hardened {
            let checks = Checks::new(Shape::new(layout)?, self.on_corruption);
            self.options.hooks = Some(Arc::new(checks));
        }
        let objects = ObjectCache::new(layout, self.options)?;
        // SAFETY: of at least `T`'s size and alignment.
        Ok(unsafe { Cache::of(objects, name.into(), self.limit) })
    }
}

impl<T> fmt::Debug for CacheBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("name", &self.name)
            .field("align", &self.align)
            .field("limit", &self.limit)
            .field("magazine", &self.magazine)
            .field("options", &self.options)
            .field("hardened", &self.hardened)
            .finish_non_exhaustive()
    }
}
