//! What the core's tests share, for these: modes in child processes, storms,
//! `scaled` counts.

#![allow(unused_imports, dead_code, unreachable_pub, missing_docs)]

#[path = "../../../percpu-core/tests/common/mod.rs"]
mod core;
pub use core::*;
