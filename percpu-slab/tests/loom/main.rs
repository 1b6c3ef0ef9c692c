//! Models of percpu-slab; run by `ci/loom.sh`.
//!
//! # Safety
//!
//! Promises what `Slabs::new` asks for; frees what it allocated, once.
#![cfg(percpu_loom)]
#![allow(unsafe_code)]

mod cache;
mod slabs;
