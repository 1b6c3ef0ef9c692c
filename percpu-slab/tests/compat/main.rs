//! `compat` beside sharded-slab itself: one contract, run against both.
#![cfg(not(percpu_loom))]
// The same tests twice is what this is about.
#![allow(clippy::duplicate_mod)]

mod differences;
mod ours;
mod theirs;
mod values;

#[cfg(all(target_os = "linux", not(miri)))]
mod storm;
