//! Shared pieces of the example programs.

pub mod bytes;
pub mod draw;
