//! The CPU a thread runs on, asked of the system.
//!
//! # Safety
//!
//! One call of libc without arguments.

#![allow(unsafe_code)]

/// The kernel's number of the CPU this thread is on; `None` if the system does
/// not tell.
pub(crate) fn current_cpu() -> Option<u32> {
    // SAFETY: takes nothing and gives a number.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}
