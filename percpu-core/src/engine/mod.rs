//! What models run on: atomics, locks, threads, cells and statics of one engine.
//!
//! ```text
//! cfgs                          threads                     loads
//! percpu_loom                   loom: every order           each value C11 allows
//! percpu_loom, percpu_shuttle   shuttle: random orders      the last value stored
//! percpu_loom, percpu_plain     one; see `model::Fuzz`      the last value stored
//! ```
//! Each has the same names, loom's. Only the search differs by engine elsewhere:
//! `model/search*.rs` and `model/chances*.rs`.

#[cfg(not(any(percpu_shuttle, percpu_plain)))]
pub use loom::lazy_static;
#[cfg(not(any(percpu_shuttle, percpu_plain)))]
pub(crate) use loom::{cell, sync, thread};

#[cfg(all(percpu_shuttle, percpu_plain))]
compile_error!("percpu_shuttle and percpu_plain are two engines: choose one");

#[cfg(any(percpu_shuttle, percpu_plain))]
#[path = "cells.rs"]
pub mod cell;

#[cfg(percpu_shuttle)]
pub use shuttle::{lazy_static, sync, thread};

#[cfg(percpu_plain)]
#[path = "plain.rs"]
mod plain;
#[cfg(percpu_plain)]
pub(crate) use plain::start_run;
#[cfg(percpu_plain)]
pub use plain::{Lazy, lazy_static, sync, thread};
