//! Torture of the sections, in the manner of librseq's own suite: each case is an
//! algorithm on sections, run under every injection there is, by CPU and by
//! concurrency id, with six threads a CPU, and accounts for everything at its end.
//!
//! | | |
//! | --- | --- |
//! | cases | increment, spinlock, list, buffer, memcpy, swap: a file each |
//! | delays | in the sections, at points 0 to 2, of three lengths |
//! | meanwhile | nothing, signals, other CPUs, preemption by real-time threads |
//! | around sections | at points 3 to 11: a delay; a yield, a signal to oneself, a sleep of 1 ms, each at 25, 50 and 100 % |
//!
//! `ops/contract.rs` and `inject.rs` say where the points are. A part of the matrix runs
//! as it is; `ci/torture.sh` runs all of it. What the environment says:
//!
//! - `PERCPU_TORTURE=full`: the whole matrix.
//! - `PERCPU_TORTURE_MS`: how long each runs.
//! - `PERCPU_TORTURE_FILTER`: only those whose line has this in it.

#![cfg(all(target_os = "linux", percpu_inject, not(percpu_loom), not(miri)))]
#![allow(unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;

mod buffer;
mod harness;
mod increment;
mod injection;
mod list;
mod memcpy;
mod spinlock;
mod storms;
mod swap;
mod tokens;

/// A test for each case and index.
macro_rules! cases {
    ($($case:ident: $by_cpu:ident, $by_id:ident;)*) => {$(
        #[test]
        fn $by_cpu() {
            harness::run(stringify!($by_cpu), &[], &$case::CASE);
        }

        #[test]
        fn $by_id() {
            harness::run(stringify!($by_id), &[("PERCPU_INDEX", "cid")], &$case::CASE);
        }
    )*};
}

cases! {
    increment: words_are_exact_by_cpu, words_are_exact_by_concurrency_id;
    spinlock: a_lock_has_one_holder_by_cpu, a_lock_has_one_holder_by_concurrency_id;
    list: nodes_come_out_once_by_cpu, nodes_come_out_once_by_concurrency_id;
    buffer: items_come_out_once_by_cpu, items_come_out_once_by_concurrency_id;
    memcpy: records_come_out_whole_by_cpu, records_come_out_whole_by_concurrency_id;
    swap: nobody_is_late_by_cpu, nobody_is_late_by_concurrency_id;
}
