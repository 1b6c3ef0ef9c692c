//! What the targets share: on which CPU the thread runs, and which unit that is.
//!
//! # Safety
//! Two system calls, each with a set of CPUs of its own.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::OnceLock;

use percpu_core::Unit;

fn set_of(cpus: impl IntoIterator<Item = usize>) -> libc::cpu_set_t {
    // SAFETY: a set of bits, of which none is set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in cpus {
        // SAFETY: it checks the number against the set's size.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    set
}

/// The CPUs that this process was started on.
fn cpus() -> &'static [usize] {
    static CPUS: OnceLock<Vec<usize>> = OnceLock::new();
    CPUS.get_or_init(|| {
        let mut set = set_of([]);
        // SAFETY: writes the local, of the size given; 0 is this thread.
        let done = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: as in `set_of`.
        let has = |&cpu: &usize| unsafe { libc::CPU_ISSET(cpu, &set) };
        (0..libc::CPU_SETSIZE as usize).filter(has).collect()
    })
}

/// How many CPUs there are to run on.
#[must_use]
pub fn nr_cpus() -> usize {
    cpus().len()
}

/// Moves this thread to one of them, counted round, and leaves it there.
pub fn run_on(nth: u8) {
    thread_local!(static HERE: Cell<usize> = const { Cell::new(usize::MAX) });
    let cpu = cpus()[usize::from(nth) % cpus().len()];
    if HERE.replace(cpu) != cpu {
        let set = set_of([cpu]);
        // SAFETY: reads the local, of the size given; 0 is this thread.
        let moved = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
        assert_eq!(moved, 0, "{}", std::io::Error::last_os_error());
    }
}

/// The unit of a thread that stays on its CPU (see [`run_on`]), if units are CPUs.
#[must_use]
pub fn here() -> Option<Unit> {
    Unit::current().ok().filter(|unit| unit.cpu().is_some())
}

/// Every unit.
#[must_use]
pub fn units() -> Vec<Unit> {
    Unit::all().expect("per-CPU memory").collect()
}
