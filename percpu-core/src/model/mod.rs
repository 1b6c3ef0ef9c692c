//! loom on a pretend machine: models of code that is built on this crate.
//!
//! Only under `--cfg percpu_loom`. The handles, the operations, the locks and
//! the fence are then the same code over [loom](loom)'s atomics; below them
//! lies a machine of a few CPUs on which everything that a kernel may do to a
//! section is tried: preemption, signals and migration, at every step.
//!
//! ```
//! use percpu_core::model::{Builder, Outcomes};
//! use percpu_core::{PerCpu, atomic::AtomicU64};
//! use std::sync::Arc;
//!
//! static SUMS: Outcomes<u64> = Outcomes::new();
//!
//! Builder::new().check(|machine| {
//!     let hits = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
//!     let theirs = Arc::clone(&hits);
//!     let adder = machine.spawn_on(0, move || theirs.inc());
//!     let theirs = Arc::clone(&hits);
//!     // Whoever looks on is spawned last: see docs/loom.md.
//!     let reader = machine.spawn_on(1, move || SUMS.saw(theirs.sum()));
//!     adder.join().unwrap();
//!     reader.join().unwrap();
//!     assert_eq!(hits.sum(), 1);
//! });
//! SUMS.assert_exactly([0, 1]);
//! ```
//!
//! # How a section is modelled
//!
//! loom explores which thread runs when; it knows no CPU. Here a section holds
//! the lock of its CPU from start to commit, so sections of one CPU do not
//! overlap, as on a real one. What the kernel does to a section is a **fault**:
//!
//! ```text
//!   arm, read cpu, address --------------------- lock the CPU
//!     ^            |                                  |
//!     +--- fault: migrate                            load
//!     |                                               |
//!     +--- migrate? --- unlock <--- fault: abort -----+
//!                                                     |
//!                                               commit, unlock
//! ```
//! To be preempted or interrupted after a prefix means: the prefix has run, the
//! CPU was somebody else's for a while, the section starts again.
//!
//! Which faults come is not explored by loom but laid down in a [`Plan`]: a set
//! of (thread, k-th chance) pairs. The model runs with the empty plan first,
//! then with each plan that adds one chance that some run came by, up to a
//! number of faults. A plan is deterministic, and it is the bug report.
//!
//! # Invariants
//! - M1: a CPU's lock is held only inside a section and inside the fence, and
//!   by nobody who waits for anything else.
//! - M2: a fence locks and unlocks the CPU's lock between two full barriers, so
//!   a section either committed before (and what it stored is visible after the
//!   fence), or starts after (and sees what was stored before).
//! - M3: a section loads and stores nothing but its own CPU's copy, and stores
//!   only at its commit.
//! - M4: a run depends on loom's path and on the plan alone.

mod builder;
pub(crate) mod machine;
mod outcomes;
mod plan;

pub use builder::{Builder, Report};
pub use loom;
pub use machine::{Machine, machine, migrate, spawn_on};
pub use outcomes::Outcomes;
pub use plan::{ParsePlanError, Plan};

/// The examples of docs/loom.md.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/loom.md")]
struct Guide;
