//! The sections in flight: whether there are some, how they are restarted, how many were.

use core::sync::atomic::Ordering;

use super::instance::{Process, existing};
use crate::area::units::UnitIndex;
use crate::index::Index;
use crate::table::CpuTable;

/// Whether the unit's words are changed by sections.
pub(crate) fn has_sections(unit: UnitIndex) -> bool {
    existing().is_some_and(|p| p.mode.is_rseq() && unit != p.units.shared())
}

/// Restarts the sections in flight on one unit, or on all; the system's error
/// number if it refuses. Only in rseq mode.
#[cfg_attr(not(percpu_rseq), allow(unused_variables, reason = "no sections in this build"))]
pub(crate) fn restart_sections(process: &Process, unit: Option<UnitIndex>) -> Result<(), i32> {
    #[cfg(percpu_rseq)]
    {
        use crate::mutate::mutated;
        use crate::sys::membarrier;
        if mutated("fence_left_out") {
            return Ok(());
        }
        match unit {
            // No section runs there.
            Some(unit) if unit == process.units.shared() => Ok(()),
            // By concurrency id, one of this unit may be on any CPU.
            _ => match unit.and_then(|unit| process.units.cpu(unit)) {
                Some(cpu) if mutated("fence_elsewhere") => membarrier::fence_cpu(cpu.get() ^ 1),
                Some(cpu) => membarrier::fence_cpu(cpu.get()),
                None if mutated("no_fence_by_id") && unit.is_some() => Ok(()),
                None => membarrier::fence_all(),
            },
        }
    }
    #[cfg(not(percpu_rseq))]
    Ok(())
}

/// Sections aborted so far.
pub(crate) fn aborts() -> u64 {
    // Each process has sections by one index.
    let of = |index| CpuTable::of(index).aborts.load(Ordering::Relaxed);
    of(Index::Cpu) + of(Index::Cid)
}
