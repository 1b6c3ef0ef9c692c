//! Programs a database author would recognise, one module a program.
//!
//! - [`kvcache`]: a read-through page cache in front of an embedded database,
//!   every statistic of which is a per-CPU counter. The main job:
//!   `cargo run --release -p percpu-examples --bin kvcache`.

#![warn(clippy::print_stdout, clippy::print_stderr)] // both panic on a closed pipe

pub mod kvcache;
