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
//! Has templates copied into units before either is published.

#![allow(unsafe_code)]

#[cfg(percpu_linux)]
use super::hidden::Hidden;
use super::image::Image;
use super::pointer::BIAS;
use super::registered::{Asked, Room, Section};
use crate::atomic::{AtomicUsize, Ordering};
use crate::cpu::CpuId;
use crate::error::Error;
use crate::index::Index;
use crate::mutate::{mutated, order};
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
    /// Where hidden templates can be read; none without hardened mode.
    #[cfg(percpu_linux)]
    hidden: Option<Hidden>,
    /// By which index sections find active units, if there are sections.
    sections: Option<Index>,
    state: Mutex<State>,
    /// Stands for what units hold: loom notices who looks before it is written.
    #[cfg(percpu_loom)]
    contents: Box<[crate::engine::cell::UnsafeCell<()>]>,
}

// SAFETY: there is nothing in the cells. loom orders accesses to them, or fails.
#[cfg(percpu_loom)]
unsafe impl Sync for Units {}

#[derive(Debug, Default)]
struct State {
    sections: Vec<Section>,
}

const NONE: UnitIndex = UnitIndex::MAX;

/// Keeps units from becoming active and sections from being registered.
#[cfg(percpu_linux)]
pub(crate) struct Held<'a>(#[allow(dead_code, reason = "held, not read")] MutexGuard<'a, State>);

impl Units {
    /// Units for `cpus`, ascending, whose first-chunk parts lie at `addresses`,
    /// with the shared unit's address last.
    #[cfg_attr(not(percpu_linux), allow(unused_variables, reason = "nothing can be hidden"))]
    pub(crate) fn new(
        cpus: Vec<CpuId>,
        addresses: &[usize],
        sections: Option<Index>,
        hardened: bool,
    ) -> Self {
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
            #[cfg(percpu_linux)]
            hidden: hardened.then(Hidden::default),
            state: Mutex::new(State::default()),
            #[cfg(percpu_loom)]
            contents: addresses.iter().map(|_| crate::engine::cell::UnsafeCell::new(())).collect(),
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
        match self.bases[unit as usize].load(order(Ordering::Acquire, "unit_base_relaxed")) {
            0 => None,
            base => {
                self.look(base);
                Some(base)
            }
        }
    }

    /// What the unit holds may be looked at from now on.
    #[inline(always)]
    fn look(&self, base: usize) {
        #[cfg(percpu_loom)]
        for (&home, contents) in self.homes.iter().zip(&self.contents) {
            if home == base {
                contents.with(|_| ());
            }
        }
        #[cfg(not(percpu_loom))]
        let _ = base;
    }

    /// What the unit holds is written.
    #[inline(always)]
    fn fill(&self, unit: UnitIndex) {
        #[cfg(percpu_loom)]
        self.contents[unit as usize].with_mut(|_| ());
        #[cfg(not(percpu_loom))]
        let _ = unit;
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
        let count = self.active_count.load(order(Ordering::Acquire, "unit_counted_look_relaxed"));
        // Relaxed: written before they were counted.
        self.active[..count].iter().map(|base| base.load(Ordering::Relaxed)).inspect(|&base| {
            self.look(base);
        })
    }

    /// Makes the unit active, if it is not, and returns its base.
    pub(crate) fn activate(&self, unit: UnitIndex) -> usize {
        if let Some(base) = self.base(unit) {
            return base;
        }
        without_signals(|| self.activate_locked(&self.state.lock(), unit))
    }

    /// As `activate`, without waiting and without memory: for an operation inside
    /// an allocation. `None` while anybody holds the lock, this thread included:
    /// `register` allocates under it.
    #[cfg_attr(percpu_loom, allow(dead_code, reason = "the twin does without"))]
    pub(crate) fn try_activate(&self, unit: UnitIndex) -> Option<usize> {
        if let Some(base) = self.base(unit) {
            return Some(base);
        }
        without_signals(|| Some(self.activate_locked(&*self.state.try_lock()?, unit)))
    }

    /// Whatever the caller wrote before is seen by whoever uses a unit that is not
    /// active when this returns.
    pub(crate) fn settle(&self) {
        if !mutated("unit_settle_does_nothing") {
            without_signals(|| drop(self.state.lock()));
        }
    }

    /// `state` is that of `self`, locked.
    fn activate_locked(&self, state: &State, unit: UnitIndex) -> usize {
        let base = self.home(unit);
        if self.base(unit).is_none() {
            self.fill(unit);
            if !mutated("no_template") {
                state.sections.iter().for_each(|section| self.copy(section, base));
            }
            if mutated("unit_counted_late") {
                self.bases[unit as usize].store(base, Ordering::Release);
            }
            // Relaxed: the lock is held, and the count below publishes it.
            let nth = self.active_count.load(Ordering::Relaxed);
            self.active[nth].store(base, Ordering::Relaxed);
            // Counted before it can be used, so that nobody's zeroing misses
            // what was written in it. Release: U3. Partner: `active`.
            self.active_count.store(nth + 1, order(Ordering::Release, "unit_counted_relaxed"));
            // Release: U3.
            let usable = order(Ordering::Release, "unit_usable_relaxed");
            self.bases[unit as usize].store(base, usable);
            if let Some(index) = self.sections.filter(|_| unit != self.shared()) {
                let number = self.cpu(unit).map_or(unit as usize, CpuId::index);
                let another = || self.home((unit + 1) % self.cpu_count());
                let entry = if mutated("entry_of_another") { another() } else { base };
                // Release: U3; the partners are the sections.
                CpuTable::of(index).bases[number].store(entry, Ordering::Release);
            }
        }
        base
    }

    /// Holds the lock, over a fork.
    #[cfg(percpu_linux)]
    pub(crate) fn hold(&self) -> Held<'_> {
        Held(self.state.lock())
    }

    /// Registers the statics of a link unit, once: copies their templates into
    /// the active units and remembers them for the others. `place` is asked for
    /// room only if the link unit is new, with no lock of units held. Then sets
    /// the pointer of the static that is asked for, if one is.
    ///
    /// Returns whether the room that `place` gave is used: else another thread was
    /// faster.
    pub(crate) fn register(
        &self,
        image: &Image,
        asked: Option<Asked>,
        place: impl FnOnce() -> Result<Room, Error>,
    ) -> Result<bool, Error> {
        let known = |state: &mut State| {
            let section = state.sections.iter_mut().find(|section| section.image.is(image));
            section.map(|section| section.resolve(asked)).is_some()
        };
        let done = without_signals(|| {
            let mut state = self.state.lock();
            if known(&mut state) {
                return Ok(true);
            }
            // Before there is anything to give back.
            #[cfg(percpu_linux)]
            if let Some(hidden) = &self.hidden {
                hidden.hide(image)?;
            }
            Ok::<_, Error>(false)
        })?;
        if done {
            return Ok(true);
        }
        let room = place()?;
        Ok(without_signals(|| {
            let mut state = self.state.lock();
            if known(&mut state) {
                return false;
            }
            let mut section = Section::new(*image, room);
            for base in self.active() {
                self.copy(&section, base);
            }
            section.resolve(asked);
            state.sections.push(section);
            true
        }))
    }

    /// Forgets the statics of a link unit: their handles have no pointer any
    /// more, units that become active later get no copies. Returns the pointer of
    /// the area that held the copies; none if there are none, or if they stay.
    ///
    /// # Safety
    /// Nobody uses one of the copies, nor a handle, during or since the call,
    /// but for handles that are resolved again.
    pub(crate) unsafe fn unregister(&self, image: &Image) -> Option<usize> {
        without_signals(|| {
            let mut state = self.state.lock();
            let mut sections = state.sections.iter();
            let nth = sections.position(|s| s.image.is(image) && s.room.lent)?;
            let section = state.sections.swap_remove(nth);
            let pointer = section.room.pointer;
            section.forget();
            Some(pointer)
        })
    }

    /// Where the template at `address` can be read, if it is hidden.
    #[cfg_attr(not(percpu_linux), allow(unused_variables, reason = "nothing can be hidden"))]
    pub(crate) fn hidden_copy(&self, address: usize) -> Option<usize> {
        #[cfg(percpu_linux)]
        return self.hidden.as_ref()?.copy_of(address);
        #[cfg(not(percpu_linux))]
        return None;
    }

    fn copy(&self, section: &Section, base: usize) {
        let readable = |address| self.hidden_copy(address).unwrap_or(address);
        // SAFETY: `register` was given the area for this section; either the section is not
        // in the list yet, or the unit not active.
        unsafe { section.copy(base, readable) };
    }

    /// Bytes of templates that may not be accessed any more.
    pub(crate) fn hidden_bytes(&self) -> usize {
        #[cfg(percpu_linux)]
        return self.hidden.as_ref().map_or(0, Hidden::bytes);
        #[cfg(not(percpu_linux))]
        return 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_not_waited_for_while_the_lock_is_held() {
        let memory = vec![0_u64; 64].into_boxed_slice();
        let address = memory.as_ptr().expose_provenance();
        let units = Units::new(vec![CpuId::new(0)], &[address, address + 256], None, false);
        {
            // As in `register`, whose list may allocate.
            let _state = units.state.lock();
            assert_eq!(units.try_activate(0), None);
        }
        assert_eq!(units.try_activate(0), Some(address - BIAS));
        let _state = units.state.lock();
        assert_eq!(units.try_activate(0), Some(address - BIAS), "active, so no lock");
        assert_eq!((units.try_activate(1), units.active().len()), (None, 1));
    }
}
