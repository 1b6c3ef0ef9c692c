//! What the models of `scaled.rs` share, in each crate: a machine, and where a thread is.

use percpu_core::model::{Builder, Machine};

pub(crate) fn builder(cpus: u32) -> Builder {
    Builder::new().cpus(cpus).faults(1).preemptions(1)
}

/// Where a thread begins.
pub(crate) fn cpu_of(machine: Machine, thread: u32) -> u32 {
    thread % machine.cpus()
}

/// Between two steps: on to another CPU, if there is one.
pub(crate) fn move_on(machine: Machine, thread: u32, step: usize) {
    if step % 3 == 2 {
        machine.migrate((thread + step as u32) % machine.cpus());
    }
}
