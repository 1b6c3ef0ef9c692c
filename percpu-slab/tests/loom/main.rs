//! Models of percpu-slab; run by `ci/loom.sh`.
#![cfg(percpu_loom)]

mod cache;
mod compat;
mod keyed;
mod magazines;
mod slabs;
