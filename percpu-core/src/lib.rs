//! Per-CPU variables in user space.

mod area;
mod cpu;
mod sys;

pub use cpu::CpuId;
