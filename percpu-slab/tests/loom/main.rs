//! Models of what pools and caches are made of; run by `ci/loom.sh`.
#![cfg(percpu_loom)]

mod slabs;
