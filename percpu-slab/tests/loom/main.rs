//! Models of percpu-slab; run by `ci/loom.sh`.
#![cfg(percpu_loom)]

mod cache;
mod compat;
mod keyed;
mod ids;
mod magazines;
mod slabs;
