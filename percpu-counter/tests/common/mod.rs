//! What the core's tests share, for these: modes in child processes, storms,
//! `scaled` counts. By default a stress test lasts about a second in all modes;
//! `PERCPU_TEST_SCALE=50` makes it a campaign.

#![allow(unused_imports, dead_code, unreachable_pub, missing_docs)]

#[path = "../../../percpu-core/tests/common/mod.rs"]
mod core;
pub use core::*;
