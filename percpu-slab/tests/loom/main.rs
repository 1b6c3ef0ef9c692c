//! Models of what percpu-slab is made of; run by `ci/loom.sh`.
#![cfg(all(percpu_loom, not(percpu_plain)))]

mod batches;
mod bucket;
mod cache;
mod compat;
mod compat_pool;
mod deferred;
mod hardened;
mod ids;
mod keyed;
mod magazines;
mod pools;
mod scaled;
#[path = "../../../percpu-core/tests/loom/sized.rs"]
mod sized;
mod slabs;
