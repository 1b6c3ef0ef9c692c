//! [`Machine`]: the pretend machine, as a model's code sees it.

use core::fmt;

use super::state::current;
#[cfg(not(percpu_plain))]
use crate::engine::thread::{self, JoinHandle};

/// The pretend machine that the running model's code runs on.
///
/// # Panics
/// Outside of [`Builder::check`](super::Builder::check).
pub fn machine() -> Machine {
    current();
    Machine { _only_in_models: () }
}

/// [`Machine::spawn_on`] the running model's machine.
///
/// # Panics
/// As that, and outside of a model.
#[cfg(not(percpu_plain))]
pub fn spawn_on<T: Send + 'static>(
    cpu: u32,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    machine().spawn_on(cpu, f)
}

/// [`Machine::migrate`] on the running model's machine.
///
/// # Panics
/// As that, and outside of a model.
pub fn migrate(cpu: u32) {
    machine().migrate(cpu);
}

/// The pretend machine that a model's code runs on: numbered CPUs, and threads
/// that each are on one of them until they are migrated.
///
/// The model's closure runs on CPU 0; so does a thread that was spawned with
/// the engine's own `spawn`. With it there may be five threads at most in loom, and each
/// must be joined before the closure returns.
#[derive(Clone, Copy)]
pub struct Machine {
    _only_in_models: (),
}

impl Machine {
    /// How many CPUs there are.
    pub fn cpus(self) -> u32 {
        current().cpus()
    }

    /// Spawns a thread that is on `cpu`.
    ///
    /// # Panics
    /// If there is no such CPU, or if there are five threads already and loom runs them.
    #[cfg(not(percpu_plain))]
    pub fn spawn_on<T: Send + 'static>(
        self,
        cpu: u32,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        spawn(self.checked(cpu), true, f)
    }

    /// Spawns a thread that has no restartable sequences, as one whose kernel
    /// or C library refused them: it works on the shared unit, with atomics.
    ///
    /// # Panics
    /// If there are five threads already and loom runs them.
    #[cfg(not(percpu_plain))]
    pub fn spawn_without_rseq<T: Send + 'static>(
        self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        spawn(0, false, f)
    }

    /// Moves the calling thread to `cpu`, between operations. That it may also
    /// be moved inside of them, by the plan, is not switched off by this.
    ///
    /// # Panics
    /// If there is no such CPU.
    pub fn migrate(self, cpu: u32) {
        current().move_me(self.checked(cpu));
    }

    /// Runs `f` on `cpu`; the calling thread is on its own CPU again afterwards.
    ///
    /// # Panics
    /// If there is no such CPU.
    pub fn on<R>(self, cpu: u32, f: impl FnOnce() -> R) -> R {
        let own = current().cpu();
        self.migrate(cpu);
        let result = f();
        self.migrate(own);
        result
    }

    /// Sections aborted in this execution so far.
    pub fn aborts(self) -> u64 {
        current().aborts()
    }

    fn checked(self, cpu: u32) -> u32 {
        assert!(cpu < self.cpus(), "cpu {cpu} on a machine of {}", self.cpus());
        cpu
    }
}

#[cfg(not(percpu_plain))]
fn spawn<T: Send + 'static>(
    cpu: u32,
    has_rseq: bool,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let thread = current().new_thread(cpu, has_rseq);
    thread::spawn(move || {
        current().enter(thread);
        f()
    })
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}
