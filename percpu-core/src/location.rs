//! [`locate`]: which copy an address belongs to.

use crate::process;
use crate::unit::Unit;

/// What of per-CPU memory lies at an address; from [`locate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Whose copy it is; `None` for memory between units, which nobody uses.
    pub unit: Option<Unit>,
    /// Which part of the unit.
    pub region: MemoryRegion,
    /// Bytes from the start of the unit, in its chunk.
    pub offset: usize,
    /// The same byte of the first possible CPU's copy.
    pub canonical: usize,
}

/// Which part of a unit an address lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryRegion {
    /// The statics of the link unit that holds this crate.
    Static,
    /// Set apart for statics that come later.
    Reserved,
    /// Dynamic memory, in the first chunk or a later one, lowest address first.
    Dynamic {
        /// The chunk's number in [`Stats::chunks`](crate::Stats::chunks).
        chunk: usize,
    },
}

/// Which copy an address belongs to; `None` if it is not per-CPU memory.
///
/// # Performance
/// A lock and a binary search over the chunks.
///
/// ```
/// use percpu_core::{MemoryRegion, PerCpu, atomic::AtomicU64, locate};
/// let word = PerCpu::<AtomicU64>::zeroed()?;
/// for (unit, copy) in &word {
///     let location = locate(copy.get()).expect("per-CPU memory");
///     assert_eq!(location.unit, Some(unit));
///     assert!(matches!(location.region, MemoryRegion::Dynamic { .. }));
/// }
/// assert_eq!(locate(&0), None);
/// # Ok::<(), percpu_core::Error>(())
/// ```
#[doc(alias = "is_kernel_percpu_address")]
#[doc(alias = "per_cpu_ptr_to_phys")]
#[doc(alias = "pcpu_chunk_addr_search")]
pub fn locate<T>(address: *const T) -> Option<Location> {
    let process = process::existing()?;
    let found = process.memory.locate(address.addr())?;
    let layout = process.memory.layout();
    // Units follow each other, the shared one last.
    let cpu = layout.cpu_of(found.slot);
    let shared = (found.slot == layout.nr_units()).then_some(process.units.shared());
    let unit = cpu.and_then(|cpu| process.units.of_cpu(cpu)).or(shared);
    let first = process.topology.possible().iter().next()?;
    let in_first = |part: core::ops::Range<usize>| found.is_first && part.contains(&found.offset);
    let region = if in_first(layout.static_range()) {
        MemoryRegion::Static
    } else if in_first(layout.reserved_range()) {
        MemoryRegion::Reserved
    } else {
        MemoryRegion::Dynamic { chunk: found.chunk }
    };
    Some(Location {
        unit: unit.map(Unit::new),
        region,
        offset: found.offset,
        canonical: found.base + layout.unit_offset(first)? + found.offset,
    })
}
