//! Models of what is kept on each CPU, and of what is found by key; run by `ci/loom.sh`.
#![cfg(percpu_loom)]

mod compat;
mod keyed;
