//! Pools, object caches and a keyed slab on per-CPU magazines.
//!
//! This crate holds only its plan for now: objects are cached in *magazines*
//! per CPU, exchanged whole through a bounded *depot* per node, above slab
//! pages with partial lists. It stands on `percpu-core`.
#![forbid(unsafe_code)]
