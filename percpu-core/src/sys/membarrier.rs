//! The grace period: `membarrier(PRIVATE_EXPEDITED_RSEQ)`.
//!
//! On return every section of this process that was in flight on the CPUs
//! asked for has ended or restarted, and every running thread of the process
//! has passed a full memory barrier. Source: membarrier(2).
//!
//! # Safety
//!
//! System calls with integers only.

#![allow(unsafe_code)]

use libc::{c_int, c_long};

use super::errno::{errno, keep};

const REGISTER_PRIVATE_EXPEDITED_RSEQ: c_int = 1 << 8;
const PRIVATE_EXPEDITED_RSEQ: c_int = 1 << 7;
const FLAG_CPU: c_int = 1;

fn call(command: c_int, flags: c_int, cpu: c_int) -> Result<(), i32> {
    let _kept = keep();
    // SAFETY: membarrier takes three integers and touches no memory of ours.
    let result: c_long = unsafe { libc::syscall(libc::SYS_membarrier, command, flags, cpu) };
    if result < 0 { Err(errno()) } else { Ok(()) }
}

/// Asks the kernel to serve this process; once, before the first fence.
pub(crate) fn register() -> Result<(), i32> {
    call(REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0)
}

/// Restarts the sections in flight on every CPU.
pub(crate) fn fence_all() -> Result<(), i32> {
    call(PRIVATE_EXPEDITED_RSEQ, 0, 0)
}

/// Restarts the section in flight on one CPU.
pub(crate) fn fence_cpu(cpu: u32) -> Result<(), i32> {
    match c_int::try_from(cpu) {
        Ok(cpu) => call(PRIVATE_EXPEDITED_RSEQ, FLAG_CPU, cpu),
        Err(_) => fence_all(),
    }
}
