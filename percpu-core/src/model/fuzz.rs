//! [`Fuzz`]: a run whose faults are bytes.

use super::chances::Chances;
use super::machine::{Machine, machine};
use super::state::{State, current};
use crate::engine;

/// One run of code on the pretend machine, on one real thread, with faults as bytes say.
/// The same bytes make the same run.
///
/// Each chance that comes up is one that a byte may take. The upper six bits of a byte are
/// how many chances pass before its own. Bit 0: the kernel takes it: a section
/// is aborted or the thread migrated to the next CPU. Bit 1: that, and what
/// `Machine::on_interrupt` was given runs meanwhile on the CPU, with one byte more to
/// choose by. When no bytes are left there are no more faults.
///
/// ```
/// use percpu_core::model::Fuzz;
/// use percpu_core::{PerCpu, atomic::AtomicU64};
/// use std::rc::Rc;
///
/// fn fuzz_target(bytes: &[u8]) {
///     let (program, faults) = bytes.split_at(bytes.len() / 2);
///     Fuzz::new(faults).cpus(4).run(|machine| {
///         let hits = Rc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
///         let (theirs, interrupts) = (Rc::clone(&hits), Rc::new(std::cell::Cell::new(0)));
///         let count = Rc::clone(&interrupts);
///         machine.on_interrupt(move |_byte| {
///             theirs.inc();
///             count.set(count.get() + 1);
///         });
///         for &step in program {
///             machine.on(u32::from(step) % machine.cpus(), || hits.inc());
///         }
///         assert_eq!(hits.sum(), program.len() as u64 + interrupts.get(), "lost");
///     });
/// }
/// // The second chance of the first increment: interrupted between load and commit.
/// fuzz_target(&[0, 0, 0b1_10, 0]);
/// ```
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
        assert!(super::state::existing().is_none(), "a run inside of a run");
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
