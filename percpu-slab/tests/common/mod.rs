//! What the core's tests share, for these: modes in child processes, storms,
//! `scaled` counts. By default a stress test lasts about a second in each mode;
//! `PERCPU_TEST_SCALE=15` makes that ten and more.

#![allow(unused_imports, dead_code, unreachable_pub, missing_docs)]

#[path = "../../../percpu-core/tests/common/mod.rs"]
mod core;
pub use core::*;
