//! Programs a database author would recognise, and the pieces they share.
//!
//! - [`kvcache`], the main job: a read-through page cache in front of an
//!   embedded database, every statistic of which is a per-CPU counter.
//!   `cargo run --release -p percpu-examples --bin kvcache`
//! - `percpu-info` describes this machine's per-CPU areas, or [draws](draw)
//!   those of a machine that is not there.
//! - `percpu-sort` sorts a large file on several threads, to see percpu-slab's global
//!   [allocator] beside the system's.

pub mod allocator;
pub mod bytes;
pub mod draw;
pub mod kvcache;
pub mod sort;

/// The example in README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
