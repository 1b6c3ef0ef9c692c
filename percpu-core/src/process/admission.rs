//! Which unit an operation goes to. `admit` is where every operation goes whose fast path
//! was closed:
//!
//! ```text
//!   portable mode                     -> a unit picked per thread, atomics
//!   thread not registered, may be     -> register it, retry
//!   thread not registered, may not be -> shared unit, atomics
//!   CPU (or id) not possible          -> shared unit, atomics
//!   unit not active                   -> activate it, retry
//! ```
//!
//! # Safety
//!
//! Turns units' bases into copies.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::first_use::get_or_panic;
use super::instance::{Process, existing};
use crate::area::units::UnitIndex;
use crate::mode::Mode;
use crate::place::Place;

/// Operations that a process with sections did without; counted where they are
/// cold already.
static FALLBACKS: AtomicU64 = AtomicU64::new(0);

/// What an operation whose fast path is closed should do.
pub(crate) enum Admission<'a, T> {
    /// The fast path may be open now.
    Retry,
    /// Use this copy, with atomic operations only.
    Atomic(&'a T),
}

/// Decides for an operation at `place` whose fast path was closed.
#[cold]
#[inline(never)]
pub(crate) fn admit<T>(place: Place<'_, T>) -> Admission<'_, T> {
    let process = get_or_panic();
    match admit_thread(process) {
        None => Admission::Retry,
        Some(base) => {
            if process.mode.is_rseq() {
                // Relaxed: a count.
                FALLBACKS.fetch_add(1, Ordering::Relaxed);
            }
            // SAFETY: the base of an active unit, as `admit_thread` promises.
            Admission::Atomic(unsafe { place.at(base) })
        }
    }
}

/// `None`: retry. Else the base of the active unit this thread may use.
fn admit_thread(process: &Process) -> Option<usize> {
    let units = &process.units;
    let unit = match process.mode {
        Mode::Portable(_) => {
            let base = units.activate(portable_unit(units.cpu_count()));
            PORTABLE_BASE.set(base);
            return Some(base);
        }
        #[cfg(percpu_rseq)]
        Mode::Rseq(registration) => {
            use crate::sys::rseq;
            match rseq::current_number(process.index).map(|number| units.of_number(number)) {
                Some(Some(unit)) => {
                    units.activate(unit);
                    return None;
                }
                None if rseq::register_thread(registration) => return None,
                Some(None) | None => units.shared(),
            }
        }
        #[cfg(not(percpu_rseq))]
        Mode::Rseq(_) => units.shared(),
    };
    Some(units.activate(unit))
}

thread_local! {
    /// What `admit` said in portable mode: it says the same for ever.
    static PORTABLE_BASE: Cell<usize> = const { Cell::new(0) };
}

/// As `admit`, if that told this thread before, in portable mode, to use atomics.
#[inline]
pub(crate) fn admitted<T>(place: Place<'_, T>) -> Option<&T> {
    let base = PORTABLE_BASE.get();
    // SAFETY: the base of an active unit, as `admit_thread` promises.
    (base != 0).then(|| unsafe { place.at(base) })
}

/// As `admit`, for an operation inside an allocation: it waits for no lock, asks for
/// no memory, registers no thread, builds no process. `None`: not now, or not in
/// this thread.
pub(crate) fn try_admit<T>(place: Place<'_, T>) -> Option<Admission<'_, T>> {
    let process = existing()?;
    let units = &process.units;
    match process.mode {
        Mode::Portable(_) => {
            let base = units.try_activate(portable_unit(units.cpu_count()))?;
            // SAFETY: the base of a unit that is active now.
            Some(Admission::Atomic(unsafe { place.at(base) }))
        }
        #[cfg(percpu_rseq)]
        Mode::Rseq(_) => {
            let number = crate::sys::rseq::current_number(process.index)?;
            units.try_activate(units.of_number(number)?)?;
            Some(Admission::Retry)
        }
        #[cfg(not(percpu_rseq))]
        Mode::Rseq(_) => None,
    }
}

/// As `try_admit`; a thread that may not use a unit of its own now uses the shared one.
pub(crate) fn try_admit_any<T>(place: Place<'_, T>) -> Option<Admission<'_, T>> {
    if let Some(admission) = try_admit(place) {
        return Some(admission);
    }
    let units = &existing()?.units;
    let base = units.try_activate(units.shared())?;
    // SAFETY: the base of a unit that is active now.
    Some(Admission::Atomic(unsafe { place.at(base) }))
}

/// The unit this thread's operations would go to, as of a moment ago.
#[inline]
pub(crate) fn current_unit(process: &Process) -> UnitIndex {
    #[cfg(percpu_rseq)]
    if process.mode.is_rseq() {
        let number = crate::sys::rseq::current_number(process.index);
        if let Some(unit) = number.and_then(|number| process.units.of_number(number)) {
            return unit;
        }
    }
    current_unit_cold(process)
}

#[cold]
#[inline(never)]
fn current_unit_cold(process: &Process) -> UnitIndex {
    match process.mode {
        Mode::Portable(_) => portable_unit(process.units.cpu_count()),
        #[cfg(percpu_rseq)]
        Mode::Rseq(registration) => {
            use crate::sys::rseq;
            rseq::register_thread(registration);
            let number = rseq::current_number(process.index);
            let unit = number.and_then(|number| process.units.of_number(number));
            unit.unwrap_or(process.units.shared())
        }
        #[cfg(not(percpu_rseq))]
        Mode::Rseq(_) => process.units.shared(),
    }
}

/// In portable mode threads take the CPUs' units in turn and keep theirs: no
/// system call asks where a thread runs, and threads rarely share.
fn portable_unit(cpus: UnitIndex) -> UnitIndex {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static MINE: Cell<u32> = const { Cell::new(u32::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == u32::MAX {
            // Relaxed: only spreads threads, orders nothing.
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % cpus.max(1));
        }
        mine.get()
    })
}

/// Operations that went to the shared unit so far.
pub(crate) fn fallbacks() -> u64 {
    FALLBACKS.load(Ordering::Relaxed)
}
