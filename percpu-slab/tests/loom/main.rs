//! Models of caches and of what they are made of; run by `ci/loom.sh`.
//!
//! # Safety
//!
//! Frees what it allocated, once.
#![cfg(percpu_loom)]
#![allow(unsafe_code)]

mod cache;
