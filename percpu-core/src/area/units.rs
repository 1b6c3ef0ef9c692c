//! Units: which copy belongs to whom, and which are in use.
//!
//! A unit is one CPU's copy of everything, or that of one concurrency id
//! (`Index::Cid`), of which there are no more than CPUs; one more, the *shared*
//! unit, serves threads without rseq. A unit is **active** from its first operation
//! on, and only active units are zeroed, copied and summed:
//!
//! ```text
//!   inactive --activate: copy every section's template--> active (for ever)
//! ```
//!
//! Invariants:
//! - U1: an active unit holds the template of every registered section.
//! - U2: an inactive unit's memory is zero, but for what `PerCpu::new_with`
//!   wrote and will clean when it drops.
//! - U3: `bases[u]`, and the fast path's entry for its CPU, go from 0 to the
//!   unit's base once, after U1 holds for it (Release; partners: the Acquire
//!   loads in `base`, `here`, and the address dependency in the sections).
//!
//! `state` is locked with signals blocked: an operation in a handler may need
//! it, on top of whatever the thread was doing.
//!
//! # Safety
//!
//! Copies templates into units: the ranges are the linker's or a static's own,
//! the destinations were given by `Sections` inside the chunk.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicUsize, Ordering};

use super::pointer::BIAS;
use crate::cpu::CpuId;
use crate::index::Index;
#[cfg(percpu_linux)]
use crate::sys::sync::MutexGuard;
use crate::sys::sync::{Mutex, without_signals};
use crate::table::CpuTable;

/// Position of a unit in this process's tables: CPUs ascending, then shared.
pub(crate) type UnitIndex = u32;

#[derive(Debug)]
pub(crate) struct Units {
    /// Base of each unit whether active or not: address of its part of the
    /// first chunk, less the bias of per-CPU pointers.
    homes: Box<[usize]>,
    /// The same, or 0 while the unit is inactive.
    bases: Box<[AtomicUsize]>,
    /// The bases of the active units, in the order in which they became so, and
    /// zeroes: nothing that is done to all of them may cost what idle CPUs cost.
    active: Box<[AtomicUsize]>,
    /// How many there are.
    active_count: AtomicUsize,
    /// CPU of each unit; the shared unit has none.
    cpus: Box<[CpuId]>,
    /// Unit of each CPU number, or `NONE`.
    by_cpu: Box<[UnitIndex]>,
    /// By which index sections find active units, if there are sections.
    sections: Option<Index>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sections: Vec<Section>,
}

/// A link unit's statics: where their template lies, and their pointer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// Exposed address of the template.
    pub(crate) template: usize,
    /// Bytes.
    pub(crate) len: usize,
    /// Per-CPU pointer of the copy of the first byte.
    pub(crate) pointer: usize,
}

const NONE: UnitIndex = UnitIndex::MAX;

/// Keeps units from becoming active and sections from being registered.
#[cfg(percpu_linux)]
pub(crate) struct Held<'a>(#[allow(dead_code, reason = "held, not read")] MutexGuard<'a, State>);

impl Units {
    /// Units for `cpus`, ascending, whose first-chunk parts lie at `addresses`,
    /// with the shared unit's address last.
    pub(crate) fn new(cpus: Vec<CpuId>, addresses: &[usize], sections: Option<Index>) -> Self {
        debug_assert_eq!(cpus.len() + 1, addresses.len());
        let ids = cpus.last().map_or(0, |cpu| cpu.index() + 1);
        let mut by_cpu = vec![NONE; ids].into_boxed_slice();
        for (unit, cpu) in cpus.iter().enumerate() {
            by_cpu[cpu.index()] = unit as UnitIndex;
        }
        Self {
            homes: addresses.iter().map(|address| address - BIAS).collect(),
            bases: addresses.iter().map(|_| AtomicUsize::new(0)).collect(),
            active: addresses.iter().map(|_| AtomicUsize::new(0)).collect(),
            active_count: AtomicUsize::new(0),
            cpus: cpus.into_boxed_slice(),
            by_cpu,
            sections,
            state: Mutex::new(State::default()),
        }
    }

    /// How many units there are, the shared one included.
    pub(crate) fn count(&self) -> UnitIndex {
        self.homes.len() as UnitIndex
    }

    /// How many possible CPUs there are.
    pub(crate) fn cpu_count(&self) -> UnitIndex {
        self.cpus.len() as UnitIndex
    }

    pub(crate) fn shared(&self) -> UnitIndex {
        self.cpu_count()
    }

    /// The unit whose memory is laid out as that of this CPU's: the CPU's own,
    /// unless the index is another.
    #[inline]
    pub(crate) fn of_cpu(&self, cpu: CpuId) -> Option<UnitIndex> {
        self.by_cpu.get(cpu.index()).copied().filter(|&unit| unit != NONE)
    }

    /// The unit of the threads to which the index gives this number, if it has one.
    #[cfg(percpu_rseq)]
    #[inline]
    pub(crate) fn of_number(&self, number: u32) -> Option<UnitIndex> {
        match self.sections {
            Some(Index::Cid) => Some(number).filter(|&unit| unit < self.cpu_count()),
            _ => self.of_cpu(number.into()),
        }
    }

    /// The CPU whose unit it is: none of the shared one, nor by another index.
    pub(crate) fn cpu(&self, unit: UnitIndex) -> Option<CpuId> {
        match self.sections {
            Some(Index::Cid) => None,
            _ => self.cpus.get(unit as usize).copied(),
        }
    }

    /// Base of an active unit.
    pub(crate) fn base(&self, unit: UnitIndex) -> Option<usize> {
        // Acquire: see U3.
        match self.bases[unit as usize].load(Ordering::Acquire) {
            0 => None,
            base => Some(base),
        }
    }

    /// Base of a unit that may be inactive: what lies there is zero or written
    /// by `PerCpu::new_with` (U2).
    pub(crate) fn home(&self, unit: UnitIndex) -> usize {
        self.homes[unit as usize]
    }

    /// Bases of the active units.
    #[inline]
    pub(crate) fn active(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        // Acquire: U3, for all that are counted. Partner: the Release in `activate`.
        let count = self.active_count.load(Ordering::Acquire);
        // Relaxed: written before they were counted.
        self.active[..count].iter().map(|base| base.load(Ordering::Relaxed))
    }

    /// Makes the unit active, if it is not, and returns its base.
    pub(crate) fn activate(&self, unit: UnitIndex) -> usize {
        if let Some(base) = self.base(unit) {
            return base;
        }
        without_signals(|| {
            let state = self.state.lock();
            let base = self.home(unit);
            if self.base(unit).is_none() {
                for section in &state.sections {
                    section.copy_to(base);
                }
                // Relaxed: the lock is held, and the count below publishes it.
                let nth = self.active_count.load(Ordering::Relaxed);
                self.active[nth].store(base, Ordering::Relaxed);
                // Counted before it can be used, so that nobody's zeroing misses
                // what was written in it. Release: U3. Partner: `active`.
                self.active_count.store(nth + 1, Ordering::Release);
                // Release: U3.
                self.bases[unit as usize].store(base, Ordering::Release);
                if let Some(index) = self.sections.filter(|_| unit != self.shared()) {
                    let number = self.cpu(unit).map_or(unit as usize, CpuId::index);
                    // Release: U3; the partners are the sections.
                    CpuTable::of(index).bases[number].store(base, Ordering::Release);
                }
            }
            base
        })
    }

    /// Holds the lock, over a fork.
    #[cfg(percpu_linux)]
    pub(crate) fn hold(&self) -> Held<'_> {
        Held(self.state.lock())
    }

    /// Registers a section, once: copies its template into the active units
    /// and remembers it for the others. `place` is asked for the pointer only
    /// if the section is new, with no lock of units held.
    ///
    /// Returns the section's pointer; it is another than `place` gave if another
    /// thread registered the section meanwhile.
    pub(crate) fn register<E>(
        &self,
        template: usize,
        len: usize,
        place: impl FnOnce() -> Result<usize, E>,
    ) -> Result<usize, E> {
        let known = |state: &State| {
            state.sections.iter().find(|s| s.template == template).map(|s| s.pointer)
        };
        if let Some(pointer) = without_signals(|| known(&self.state.lock())) {
            return Ok(pointer);
        }
        let pointer = place()?;
        Ok(without_signals(|| {
            let mut state = self.state.lock();
            if let Some(pointer) = known(&state) {
                return pointer;
            }
            let section = Section { template, len, pointer };
            for base in self.active() {
                section.copy_to(base);
            }
            state.sections.push(section);
            pointer
        }))
    }
}

impl Section {
    fn copy_to(self, base: usize) {
        let template = core::ptr::with_exposed_provenance::<u8>(self.template);
        let copy = core::ptr::with_exposed_provenance_mut::<u8>(base.wrapping_add(self.pointer));
        // SAFETY: the template is `len` bytes that nobody writes; the copy lies
        // in a unit where this area belongs to the section alone and, as the
        // section (or the unit) is not published yet, nobody looks at it.
        unsafe { core::ptr::copy_nonoverlapping(template, copy, self.len) };
    }
}
