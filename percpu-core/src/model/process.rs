//! The pretend process: units without memory. Twin of `src/process`.
//!
//! What never changes (mode, topology, units) is made once for each shape of a
//! machine; what does is in the machine of the running execution.
//!
//! # Safety
//!
//! Gives units' numbers to [`Place`] as their bases, which they are.

#![allow(unsafe_code)]

use core::cell::RefCell;
use core::mem::ManuallyDrop;

use crate::area::Sizes;
use crate::area::layout::Layout;
use crate::area::units::UnitIndex;
use crate::config::{Config, FirstChunk};
use crate::cpu::CpuId;
use crate::error::Error;
use crate::index::Index;
use crate::mode::{Mode, PortableReason, Registration};
use crate::model::state::{self, State};
use crate::place::Place;
use crate::sys::topology::Topology;

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) mode: Mode,
    pub(crate) index: Index,
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

/// The process on the machine of the running execution.
fn of(machine: &State) -> &'static Process {
    // Never dropped, as what it refers to: then nothing of it looks lost at the end.
    std::thread_local! {
        static KNOWN: RefCell<ManuallyDrop<Vec<&'static Process>>> =
            const { RefCell::new(ManuallyDrop::new(Vec::new())) };
    }
    let fits = |process: &&Process| {
        process.units.cpus == machine.cpus() && process.mode.is_rseq() == machine.has_sections()
    };
    if let Some(process) = KNOWN.with_borrow(|known| known.iter().copied().find(fits)) {
        return process;
    }
    // Leaked, as a real one is: once a kind of machine.
    let process = &*Box::leak(Box::new(Process::of(machine)));
    KNOWN.with_borrow_mut(|known| known.push(process));
    process
}

impl Process {
    fn of(machine: &State) -> Self {
        let cpus = machine.cpus();
        let mut config = Config::default();
        let warnings = config.apply_environment(|name| std::env::var_os(name));
        let topology = Topology::uniform(cpus, 1).expect("a uniform machine makes sense");
        let layout = Layout::build(&Sizes::new(64), &topology).expect("and has a layout");
        let mode = match machine.has_sections() {
            true => Mode::Rseq(Registration::Libc),
            false => Mode::Portable(PortableReason::Requested),
        };
        Self {
            mode,
            // What a section may rely on is the same by either.
            index: Index::Cpu,
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

    pub(crate) fn active(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        0..self.count() as usize
    }

    pub(crate) fn activate(&self, unit: UnitIndex) -> usize {
        unit as usize
    }

    /// All are active.
    pub(crate) fn settle(&self) {}

    pub(crate) fn hidden_bytes(&self) -> usize {
        0
    }
}

impl Memory {
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Nothing is kept.
    pub(crate) fn drain(&self, _: u32) {}

    pub(crate) fn chunk_count(&self) -> usize {
        1
    }

    pub(crate) fn max_size(&self) -> usize {
        self.layout.minimum_unit_size()
    }
}

pub(crate) fn existing() -> Option<&'static Process> {
    state::existing().map(|machine| of(&machine))
}

/// # Panics
/// Outside of a model.
pub(crate) fn get() -> Result<&'static Process, Error> {
    Ok(get_or_panic())
}

/// # Panics
/// Outside of a model.
pub(crate) fn get_or_panic() -> &'static Process {
    of(&state::current())
}

/// The machine is chosen by `model::Builder`.
pub(crate) fn configure(_: Config) -> Result<(), Error> {
    Err(Error::AlreadyInitialised)
}

/// Decides for an operation at `place` whose fast path was closed.
pub(crate) fn admit<T>(place: Place<'_, T>) -> Admission<'_, T> {
    let process = get_or_panic();
    if process.mode.is_rseq() && state::current().has_rseq() {
        return Admission::Retry;
    }
    if process.mode.is_rseq() {
        state::current().count_fallback();
    }
    let unit = current_unit(process);
    // SAFETY: the base of a unit of this machine.
    Admission::Atomic(unsafe { place.at(process.units.activate(unit)) })
}

/// Nothing is remembered.
pub(crate) fn admitted<T>(_: Place<'_, T>) -> Option<&T> {
    None
}

/// As `admit`: there is no lock of units that an operation inside an allocation would
/// wait for.
pub(crate) fn try_admit_any<T>(place: Place<'_, T>) -> Option<Admission<'_, T>> {
    Some(admit(place))
}

/// The unit this thread's operations would go to, as of a moment ago.
pub(crate) fn current_unit(process: &Process) -> UnitIndex {
    let machine = state::current();
    match process.mode {
        Mode::Rseq(_) if !machine.has_rseq() => process.units.shared(),
        _ => machine.cpu(),
    }
}

/// Whether the unit's words are changed by sections.
pub(crate) fn has_sections(unit: UnitIndex) -> bool {
    existing().is_some_and(|p| p.mode.is_rseq() && unit != p.units.shared())
}

/// Restarts the sections in flight on one unit, or on all. Never refused here.
pub(crate) fn restart_sections(process: &Process, unit: Option<UnitIndex>) -> Result<(), i32> {
    let machine = state::current();
    for cpu in 0..process.units.cpu_count() {
        if unit.is_none_or(|unit| unit == cpu) {
            machine.restart_sections(cpu);
        }
    }
    Ok(())
}

/// Operations that went to the shared unit so far, in this execution.
pub(crate) fn fallbacks() -> u64 {
    state::current().fallbacks()
}

/// Sections aborted so far, in this execution.
pub(crate) fn aborts() -> u64 {
    state::current().aborts()
}

/// Nothing to give back: statics are made for each execution.
pub(crate) unsafe fn unregister_statics(_: &crate::area::section::LinkUnit) -> bool {
    false
}
