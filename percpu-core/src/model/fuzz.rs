//! [`Fuzz`]: a run whose faults are bytes.

use super::chances::Chances;
use super::machine::{Machine, State, current, machine};
use crate::engine;

/// One run of code on the pretend machine, on one real thread, with faults as bytes say.
///
/// See [the module](super#from-bytes).
#[derive(Clone, Debug)]
#[must_use = "nothing is run until `run`"]
pub struct Fuzz<'a> {
    faults: &'a [u8],
    cpus: u32,
    portable: bool,
}

impl<'a> Fuzz<'a> {
    /// Two CPUs, and these faults. No bytes, no faults.
    pub fn new(faults: &'a [u8]) -> Self {
        Self { faults, cpus: 2, portable: false }
    }

    /// How many CPUs the machine has. Default: 2.
    ///
    /// # Panics
    /// If it is none.
    pub fn cpus(mut self, cpus: u32) -> Self {
        assert!(cpus > 0, "a machine needs a CPU");
        self.cpus = cpus;
        self
    }

    /// No thread has restartable sequences: then there are no sections, and of the
    /// faults those that migrate.
    pub fn portable(mut self) -> Self {
        self.portable = true;
        self
    }

    /// Runs `f` on CPU 0 of a new machine, and returns what it does. Statics start anew.
    ///
    /// # Panics
    /// If `f` does; the faults that came are printed then. If it would have to wait for
    /// another thread. Inside of a run.
    pub fn run<R>(self, f: impl FnOnce(Machine) -> R) -> R {
        assert!(super::machine::existing().is_none(), "a run inside of a run");
        engine::start_run();
        let _run = Run;
        State::start(self.cpus, !self.portable, Chances::of(self.faults));
        f(machine())
    }
}

/// Ends a run, however it ends.
struct Run;

impl Drop for Run {
    fn drop(&mut self) {
        // What the interrupt has and what statics hold may ask for the machine.
        current().set_interrupt(None);
        engine::start_run();
        let taken = State::end();
        if std::thread::panicking() {
            for fault in taken {
                eprintln!("percpu model:   {fault}");
            }
        }
    }
}

impl Machine {
    /// From now on, where the bytes say so, `f` runs on the CPU of the code that it
    /// interrupts; the byte is for it to choose by.
    ///
    /// A section that was interrupted is aborted, as by any kernel. `f` is itself not
    /// interrupted, though its sections are aborted and its thread is migrated. As a
    /// signal handler, it must not wait for what it interrupts.
    ///
    /// # Panics
    /// In an interrupt.
    pub fn on_interrupt(self, f: impl FnMut(u8) + 'static) {
        current().set_interrupt(Some(Box::new(f)));
    }
}
