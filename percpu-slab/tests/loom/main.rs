//! Models of what percpu-slab is made of; run by `ci/loom.sh`.
#![cfg(all(percpu_loom, not(percpu_plain)))]

mod batches;
mod cache;
mod compat;
mod ids;
mod keyed;
mod magazines;
mod scaled;
mod slabs;
