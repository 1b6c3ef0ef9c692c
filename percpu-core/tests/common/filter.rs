//! Filters that refuse system calls, as containers and sandboxes install them.
//!
//! # Safety
//!
//! Installs a filter of system calls in this process, which is a child made for that,
//! or in one thread of it.

#![allow(unsafe_code, dead_code, missing_docs, unreachable_pub)]

use std::io;

/// A system call, or one of its commands: with these values of some arguments.
#[derive(Clone, Copy)]
pub struct Call {
    pub name: &'static str,
    pub number: libc::c_long,
    pub arguments: &'static [(u32, u32)],
}

pub const fn call(name: &'static str, number: libc::c_long) -> Call {
    Call { name, number, arguments: &[] }
}

/// What fences are made of.
pub const MEMBARRIER: Call = call("membarrier", libc::SYS_membarrier);

/// A program for the kernel's filter machine: `calls` fail with `errno`.
pub fn filter(calls: &[Call], errno: i32) -> Vec<libc::sock_filter> {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    // Of `struct seccomp_data`: the number, and the low half of an argument.
    let load = |offset| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let equal = |k, jt, jf| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jt, jf, k);
    let give = |k| step(libc::BPF_RET | libc::BPF_K, 0, 0, k);
    let first = if cfg!(target_endian = "little") { 16 } else { 20 };
    let argument = |nth: u32| load(first + 8 * nth);
    let mut program = Vec::new();
    for call in calls {
        // Each comparison that fails goes over what is left of this call.
        let mut left = 2 * call.arguments.len() as u8 + 1;
        program.extend([load(0), equal(call.number as u32, 0, left)]);
        for &(nth, value) in call.arguments {
            left -= 2;
            program.extend([argument(nth), equal(value, 0, left)]);
        }
        program.push(give(libc::SECCOMP_RET_ERRNO | errno as u32));
    }
    program.push(give(libc::SECCOMP_RET_ALLOW));
    program
}

/// Puts the filter on every thread of this process.
pub fn install(program: &[libc::sock_filter]) -> io::Result<()> {
    put(program, libc::SECCOMP_FILTER_FLAG_TSYNC)
}

/// Puts the filter on the calling thread, and on those that it will start.
pub fn install_here(program: &[libc::sock_filter]) -> io::Result<()> {
    put(program, 0)
}

fn put(program: &[libc::sock_filter], flags: libc::c_ulong) -> io::Result<()> {
    let program =
        libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: gives up new privileges, without which a filter is refused.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel reads the program, which outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
