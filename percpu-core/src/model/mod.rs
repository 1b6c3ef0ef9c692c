//! A pretend machine: models of code that is built on this crate, and runs for fuzzers.
//!
//! Only under `--cfg percpu_loom`. The handles, the operations, the locks and
//! the fence are then the same code over the atomics of an [engine](#engines), loom's by
//! default; below them lies a machine of a few CPUs on which everything that a kernel may do
//! to a section is tried: preemption, signals and migration, at every step. [`Builder`] has
//! an example.
//!
//! # Engines
//!
//! | cfgs | who runs when | what a load returns | faults |
//! | --- | --- | --- | --- |
//! | `percpu_loom` | loom: each order, within bounds | each value that C11 allows | each [`Plan`], within bounds |
//! | `percpu_loom`, `percpu_shuttle` | shuttle: drawn, by two schedulers | the last that was stored | drawn, many a thread |
//! | `percpu_loom`, `percpu_plain` | one thread | the last that was stored | as bytes say: `Fuzz` |
//!
//! The same models run by loom and by shuttle. What is large enough only for shuttle asks
//! [`scaled`]. Under shuttle a failure prints its schedule, in which the faults are, and
//! `PERCPU_SHUTTLE_SCHEDULE` runs that alone; `PERCPU_SHUTTLE_ITERATIONS` is how many
//! executions there are by each scheduler, and `SHUTTLE_RANDOM_SEED` draws others.
//!
//! Under `percpu_plain` there is `Fuzz` in the place of [`Builder`]: one run on one real
//! thread, which says on which CPU it is, and whose faults are bytes that a fuzzer found.
//!
//! # How a section is modelled
//!
//! An engine decides which thread runs when; it knows no CPU. Here a section holds
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
//! By loom, which faults come is not explored but laid down in a [`Plan`]: a set
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
//! - M4: a run depends on the engine's path and on the faults alone.

#[cfg(not(percpu_plain))]
mod builder;
#[cfg_attr(percpu_shuttle, path = "chances_random.rs")]
#[cfg_attr(percpu_plain, path = "chances_bytes.rs")]
mod chances;
#[cfg(percpu_plain)]
mod fuzz;
mod machine;
mod outcomes;
#[cfg(not(percpu_plain))]
mod plan;
#[cfg(not(percpu_plain))]
#[cfg_attr(percpu_shuttle, path = "search_random.rs")]
mod search;
pub(crate) mod state;
#[cfg(not(percpu_plain))]
mod wanted;

/// The locks, cells, threads and atomics of models: loom, or what another engine has
/// under loom's names.
#[cfg(any(percpu_shuttle, percpu_plain))]
pub mod loom {
    pub use crate::engine::{cell, lazy_static, sync, thread};
}
#[cfg(not(percpu_plain))]
pub use builder::{Builder, Report};
#[cfg(percpu_plain)]
pub use fuzz::Fuzz;
#[cfg(not(any(percpu_shuttle, percpu_plain)))]
pub use loom;
#[cfg(not(percpu_plain))]
pub use machine::spawn_on;
pub use machine::{Machine, machine, migrate};
pub use outcomes::Outcomes;
#[cfg(not(percpu_plain))]
pub use plan::{ParsePlanError, Plan};

/// `small` by loom, which tries everything; `large` by an engine that does not.
///
/// For models whose invariants hold for any size: sums, things handed out once.
pub const fn scaled(small: usize, large: usize) -> usize {
    if cfg!(any(percpu_shuttle, percpu_plain)) { large } else { small }
}

/// The examples of docs/loom.md.
#[cfg(all(doctest, not(percpu_plain)))]
#[doc = include_str!("../../../docs/loom.md")]
struct Guide;
