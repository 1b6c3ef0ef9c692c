//! The pretend process: units without memory. Twin of `src/process.rs`.
//!
//! What never changes (mode, topology, units) is made once a model; what does
//! is in the machine of the running execution.

#![allow(unsafe_code)]

use crate::area::Sizes;
use crate::area::layout::Layout;
use crate::area::units::UnitIndex;
use crate::config::{Config, FirstChunk};
use crate::cpu::CpuId;
use crate::error::Error;
use crate::mode::{Mechanism, Mode, PortableReason, Registration};
use crate::model;
use crate::place::Place;
use crate::sys::topology::Topology;
use crate::unit::Unit;

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) mode: Mode,
    pub(crate) topology: Topology,
    pub(crate) kind: FirstChunk,
    pub(crate) units: Units,
    pub(crate) memory: Memory,
    pub(crate) warnings: Vec<String>,
}

/// The units: CPUs from 0 on, then the shared one. All are active, and the base
/// of each is its number.
#[derive(Debug)]
pub(crate) struct Units {
    cpus: UnitIndex,
}

/// What [`info`](crate::info) shows of the memory that there is none of.
#[derive(Debug)]
pub(crate) struct Memory {
    layout: Layout,
}

/// What an operation whose fast path is closed should do.
pub(crate) enum Admission<'a, T> {
    /// The fast path may be open now.
    Retry,
    /// Use this copy, with atomic operations only.
    Atomic(&'a T),
}

impl Process {
    /// A process on a machine of `cpus` CPUs. `PERCPU_MODE=portable` wins here
    /// too.
    ///
    /// # Panics
    /// If `cpus` is 0.
    pub(crate) fn pretend(cpus: u32, mechanism: Mechanism) -> Self {
        assert!(cpus > 0, "a machine needs a CPU");
        let mut config = Config::default().mechanism(mechanism);
        let warnings = config.apply_environment(|name| std::env::var_os(name));
        let topology = Topology::uniform(cpus, 1).expect("a uniform machine makes sense");
        let layout = Layout::build(&Sizes::new(64), &topology).expect("and has a layout");
        let mode = match config.mechanism {
            Mechanism::Portable => Mode::Portable(PortableReason::Requested),
            Mechanism::Auto | Mechanism::Rseq => Mode::Rseq(Registration::Libc),
        };
        Self {
            mode,
            topology,
            kind: FirstChunk::Embed,
            units: Units { cpus },
            memory: Memory { layout },
            warnings,
        }
    }
}

impl Units {
    pub(crate) fn count(&self) -> UnitIndex {
        self.cpus + 1
    }

    pub(crate) fn cpu_count(&self) -> UnitIndex {
        self.cpus
    }

    pub(crate) fn shared(&self) -> UnitIndex {
        self.cpus
    }

    pub(crate) fn of_cpu(&self, cpu: CpuId) -> Option<UnitIndex> {
        Some(cpu.get()).filter(|&cpu| cpu < self.cpus)
    }

    pub(crate) fn cpu(&self, unit: UnitIndex) -> Option<CpuId> {
        (unit < self.cpus).then(|| CpuId::new(unit))
    }

    pub(crate) fn base(&self, unit: UnitIndex) -> Option<usize> {
        Some(self.activate(unit))
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = usize> + '_ {
        0..self.count() as usize
    }

    pub(crate) fn activate(&self, unit: UnitIndex) -> usize {
        unit as usize
    }
}

impl Memory {
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn chunk_count(&self) -> usize {
        1
    }

    pub(crate) fn max_size(&self) -> usize {
        self.layout.minimum_unit_size()
    }
}

pub(crate) fn existing() -> Option<&'static Process> {
    model::existing().map(|machine| machine.process)
}

/// # Panics
/// Outside of a model.
pub(crate) fn get() -> Result<&'static Process, Error> {
    Ok(get_or_panic())
}

/// # Panics
/// Outside of a model.
pub(crate) fn get_or_panic() -> &'static Process {
    model::current().process
}

/// The machine is chosen by `model::Builder`.
pub(crate) fn configure(_: Config) -> Result<(), Error> {
    Err(Error::AlreadyInitialised)
}

/// Decides for an operation at `place` whose fast path was closed.
pub(crate) fn admit<T>(place: Place<'_, T>) -> Admission<'_, T> {
    let machine = model::current();
    let units = &machine.process.units;
    let unit = match machine.process.mode {
        Mode::Portable(_) => machine.cpu(),
        Mode::Rseq(_) if machine.has_rseq() => return Admission::Retry,
        Mode::Rseq(_) => units.shared(),
    };
    // SAFETY: the base of a unit of this machine.
    Admission::Atomic(unsafe { place.at(units.activate(unit)) })
}

/// The unit this thread's operations would go to, as of a moment ago.
pub(crate) fn current_unit(process: &Process) -> UnitIndex {
    let machine = model::current();
    match process.mode {
        Mode::Rseq(_) if !machine.has_rseq() => process.units.shared(),
        _ => machine.cpu(),
    }
}

/// Whether the unit's words are changed by sections.
pub(crate) fn has_sections(unit: Unit) -> bool {
    existing().is_some_and(|p| p.mode.is_rseq() && unit.index() != p.units.shared())
}

/// Restarts the sections in flight on one unit, or on all. Never refused here.
pub(crate) fn restart_sections(unit: Option<Unit>) -> Result<(), i32> {
    let machine = model::current();
    match unit.map(Unit::cpu) {
        None => {
            (0..machine.process.units.cpu_count()).for_each(|cpu| machine.restart_sections(cpu))
        }
        Some(Some(cpu)) => machine.restart_sections(cpu.get()),
        // No section runs on the shared unit.
        Some(None) => {}
    }
    Ok(())
}

/// Sections aborted so far, in this execution.
pub(crate) fn aborts() -> u64 {
    model::current().aborts()
}
