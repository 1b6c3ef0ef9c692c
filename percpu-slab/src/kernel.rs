//! The kernel's names, and the names here.
//!
//! For whoever knows Linux's slab allocator: each name, and what to use instead. The
//! search of this documentation knows the names too; [`percpu_core::kernel`] has those
//! of the subsystem below.
//!
//! | the kernel's | here | what is different |
//! | --- | --- | --- |
//! | **Caches** (`mm/slub.c`) | | |
//! | `kmem_cache`, `kmem_cache_create` | [`Cache`](crate::Cache), [`Cache::builder`](crate::Cache::builder) | typed; [`raw::ObjectCache`](crate::raw::ObjectCache) is not |
//! | `kmem_cache_size` | [`ObjectCache::layout`](crate::raw::ObjectCache::layout) | |
//! | `kmem_cache_alloc`, `kmem_cache_free` | [`alloc`](crate::Cache::alloc), dropping the [`Object`](crate::Object) | an object finds its cache by its address |
//! | `kmem_cache_alloc_bulk`, `kmem_cache_free_bulk` | [`alloc_bulk`](crate::Cache::alloc_bulk), [`free_bulk`](crate::free_bulk) | all or nothing |
//! | `kmem_cache_prefill_sheaf`, `kmem_cache_alloc_from_sheaf`, `kmem_cache_refill_sheaf`, `kmem_cache_return_sheaf` | [`prefill`](crate::Cache::prefill): [`Prefilled`](crate::Prefilled) | returned when it is dropped |
//! | `kmem_cache_shrink`, `flush_all` | [`shrink`](crate::Cache::shrink), [`flush`](crate::Cache::flush) | |
//! | `kmem_cache_destroy` | [`destroy`](crate::Cache::destroy) | tells live objects, which stay good |
//! | `kfree_rcu` | `Cache::defer_free`, with the feature `crossbeam-epoch` | after an epoch, in batches of a CPU |
//! | `slub_debug`, `validate_slab_cache` | [`hardened`](crate::hardened), [`Cache::validate`](crate::Cache::validate) | a free pointer is never inside of an object |
//! | `kmalloc`, `kfree`, `krealloc` | [`PerCpuAlloc`](crate::PerCpuAlloc) | a `GlobalAlloc` |
//! | **Parts** | | |
//! | `slub_percpu_sheaves`, `slab_sheaf` | [`raw::Magazines`](crate::raw::Magazines) | one stack a CPU, of several magazines |
//! | `node_barn` | [`raw::Depot`](crate::raw::Depot) | a ring of full magazines; there are no empty ones |
//! | `calculate_order`, `min_partial` | [`raw::Geometry`](crate::raw::Geometry), [`raw::SlabOptions`](crate::raw::SlabOptions) | |
//! | **Fixed numbers of objects** (`lib/objpool.c`, `lib/percpu_ida.c`) | | |
//! | `objpool_init`, `objpool_pop`, `objpool_push` | [`FixedPool`](crate::FixedPool) | steals by magazines |
//! | `percpu_ida`, `percpu_ida_alloc`, `percpu_ida_free` | [`IdPool`](crate::IdPool) | |
