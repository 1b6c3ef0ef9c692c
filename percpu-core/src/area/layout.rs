//! The first-chunk search: how units are carved from memory.
//!
//! Memory is taken in *allocations* of whole atoms (2 MiB: a huge page). An
//! allocation holds `upa` units. CPUs of one node share allocations, CPUs far
//! from each other never do:
//!
//! ```text
//!   group 0 (node 0)                      group 1 (node 1)
//!   |<--- alloc --->|<--- alloc --->|     |<--- alloc --->|
//!   +---+---+---+---+---+---+---+---+     +---+---+---+---+
//!   | 0 | 1 | 2 | 3 | 4 | 5 | 6 | - |     | 7 | 8 | 9 | - |     upa = 4
//!   +---+---+---+---+---+---+---+---+     +---+---+---+---+
//!   ^ base_offset                         ^ base_offset
//! ```
//!
//! How many units an allocation holds is searched (`layout_search`). What
//! follows, for every input:
//!
//! 1. A unit is whole pages, holds `size_sum` and is at least the minimum unit.
//! 2. At most a third as many slots are empty as there are CPUs: three quarters
//!    of the slots are used, or more.
//! 3. Groups are back to back, each whole allocations, each aligned to the atom.
//! 4. Within a group CPUs ascend and empty slots are last.
//! 5. Each possible CPU has one slot.
//!
//! A pure function without I/O, for machines that do not exist as well. Source
//! of the rules: the description of `pcpu_build_alloc_info` in Linux 6.x.

use core::ops::Range;

use crate::area::layout_error::LayoutError;
use crate::area::layout_search::{group_cpus, largest_divisor, search_upa};
use crate::area::sizes::{GRANULE, Sizes, Split};
use crate::cpu::CpuId;
use crate::sys::{NodeId, Topology};

/// Where the copy of each CPU lies: units in groups, and their sizes.
///
/// The first chunk is laid out so, and every later chunk after its model: an
/// offset of a CPU holds in all of them. `Display` prints the dump of the
/// kernel's boot log.
///
/// # Examples
///
/// The layout of a machine with two CPUs, as its kernel logged it:
///
/// ```
/// use percpu_core::{CpuId, Layout, Sizes, Topology};
///
/// let sizes = Sizes::new(185_496).reserved(0);
/// let layout = Layout::build(&sizes, &Topology::uniform(2, 1)?)?;
/// assert_eq!(
///     layout.to_string(),
///     "pcpu-alloc: s185496 r0 d31592 u1048576 alloc=1*2097152\n\
///      pcpu-alloc: [0] 0 1"
/// );
/// assert_eq!(layout.unit_offset(CpuId::new(1)), Some(1 << 20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "pcpu_alloc_info")]
#[doc(alias = "pcpu_dump_alloc_info")]
pub struct Layout {
    /// As asked; `dynamic` is what was found.
    pub(super) sizes: Sizes,
    pub(super) split: Split,
    pub(super) max_upa: usize,
    pub(super) upa: usize,
    pub(super) unit_size: usize,
    pub(super) groups: Box<[Group]>,
    /// By CPU number: its unit, if it has one.
    pub(super) unit_of: Box<[Option<u32>]>,
}

/// Units of CPUs that are near each other, in one run of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "pcpu_group_info")]
pub struct Group {
    pub(super) node: NodeId,
    pub(super) first_unit: usize,
    pub(super) base_offset: usize,
    pub(super) cpu_map: Box<[Option<CpuId>]>,
}

impl Group {
    /// The slots in order: a CPU, or `None` for an empty slot. CPUs ascend, and
    /// empty slots come last.
    #[must_use]
    pub fn cpu_map(&self) -> &[Option<CpuId>] {
        &self.cpu_map
    }

    /// The CPUs, ascending.
    pub fn cpus(&self) -> impl DoubleEndedIterator<Item = CpuId> + '_ {
        self.cpu_map.iter().copied().flatten()
    }

    /// How many units there are, empty ones included.
    #[must_use]
    pub fn nr_units(&self) -> usize {
        self.cpu_map.len()
    }

    /// The number of the first unit.
    #[must_use]
    pub fn first_unit(&self) -> usize {
        self.first_unit
    }

    /// Bytes from the start of the chunk to the first unit; a multiple of the
    /// atom.
    #[must_use]
    pub fn base_offset(&self) -> usize {
        self.base_offset
    }

    /// The node of the first CPU, where the memory should be.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }
}

impl Layout {
    /// Finds the layout of the first chunk for `sizes` on `topology`.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] names the size that cannot be and what to do. A topology
    /// always has a CPU, so that is no error here.
    ///
    /// # Performance
    ///
    /// Proportional to the CPUs and to nodes × groups; 0.24 ms were
    /// measured for 4,096 CPUs on 128 nodes, 21 ms for 65,534 on 1,024.
    ///
    /// # Examples
    ///
    /// ```
    /// use percpu_core::{Layout, LayoutError, Sizes, Topology};
    ///
    /// let machine = Topology::uniform(13, 1)?;
    /// let layout = Layout::build(&Sizes::new(100 << 10), &machine)?;
    /// assert_eq!((layout.units_per_alloc(), layout.nr_units(), layout.wasted_units()), (8, 16, 3));
    ///
    /// let wrong = Layout::build(&Sizes::new(100 << 10).atom(3 << 20), &machine);
    /// assert_eq!(wrong, Err(LayoutError::AtomNotPowerOfTwo { atom: 3 << 20 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "pcpu_build_alloc_info")]
    pub fn build(sizes: &Sizes, topology: &Topology) -> Result<Layout, LayoutError> {
        let split = sizes.split()?;
        let least_unit = split.size_sum.max(split.minimum_unit);
        let alloc_pages = split.alloc_size / sizes.page;
        let max_upa = largest_divisor(alloc_pages, split.alloc_size / least_unit);

        let near = group_cpus(topology);
        let counts: Vec<usize> = near.iter().map(Vec::len).collect();
        let upa = search_upa(alloc_pages, max_upa, &counts);
        let unit_size = split.alloc_size / upa;

        let groups = fill_groups(topology, &near, upa, unit_size)?;
        let mut unit_of = vec![None; topology.nr_cpu_ids()];
        for group in &groups {
            for (slot, cpu) in group.cpus().enumerate() {
                // No overflow: fewer than 100,000 units.
                unit_of[cpu.index()] = Some((group.first_unit + slot) as u32);
            }
        }
        let (groups, unit_of) = (groups.into_boxed_slice(), unit_of.into_boxed_slice());
        Ok(Layout { sizes: sizes.clone(), split, max_upa, upa, unit_size, groups, unit_of })
    }

    /// The groups, in order of their lowest CPU. Never empty.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The unit of `cpu`, from 0; `None` for a CPU that is not possible. One
    /// load.
    #[must_use]
    pub fn unit_of(&self, cpu: CpuId) -> Option<usize> {
        self.unit_of.get(cpu.index()).copied().flatten().map(|unit| unit as usize)
    }

    /// Bytes from the start of a chunk to the unit of `cpu`; a multiple of the
    /// unit size.
    ///
    /// The same in every chunk, and not linear in the number of the CPU.
    #[must_use]
    #[doc(alias = "pcpu_unit_offsets")]
    #[doc(alias = "per_cpu_offset")]
    pub fn unit_offset(&self, cpu: CpuId) -> Option<usize> {
        let unit = self.unit_of(cpu)?;
        let group = &self.groups[self.group_of_unit(unit)?];
        Some(group.base_offset + (unit - group.first_unit) * self.unit_size)
    }

    /// The CPU of `unit`; `None` for an empty one and past the last.
    #[must_use]
    pub fn cpu_of(&self, unit: usize) -> Option<CpuId> {
        let group = &self.groups[self.group_of_unit(unit)?];
        group.cpu_map[unit - group.first_unit]
    }

    /// The index in [`groups`](Layout::groups) of the group of `cpu`; `None`
    /// for a CPU that is not possible.
    #[must_use]
    pub fn group_of(&self, cpu: CpuId) -> Option<usize> {
        self.group_of_unit(self.unit_of(cpu)?)
    }

    /// Bytes of the static part, as asked.
    #[must_use]
    pub fn static_size(&self) -> usize {
        self.sizes.static_size
    }

    /// Bytes of the reserved part, as asked.
    #[must_use]
    pub fn reserved_size(&self) -> usize {
        self.sizes.reserved
    }

    /// Bytes for dynamic allocation: what was asked, or the early minimum, and
    /// what is left of the last page.
    #[must_use]
    #[doc(alias = "dyn_size")]
    pub fn dynamic_size(&self) -> usize {
        self.split.dynamic
    }

    /// Where in a unit the static part is.
    #[must_use]
    pub fn static_range(&self) -> Range<usize> {
        0..self.sizes.static_size
    }

    /// Where in a unit the reserved part is: after the static one, rounded up
    /// to 4 bytes.
    #[must_use]
    pub fn reserved_range(&self) -> Range<usize> {
        // No overflow: the page after the static part is still below size_sum.
        let start = self.sizes.static_size.next_multiple_of(GRANULE);
        start..start + self.sizes.reserved
    }

    /// Where in a unit the dynamic part is: from the reserved one up to
    /// [`size_sum`](Layout::size_sum).
    #[must_use]
    pub fn dynamic_range(&self) -> Range<usize> {
        self.reserved_range().end.min(self.split.size_sum)..self.split.size_sum
    }

    /// Bytes of a unit that are used: the three parts, in whole pages.
    #[must_use]
    pub fn size_sum(&self) -> usize {
        self.split.size_sum
    }

    /// Bytes from one unit of a group to the next; whole pages, at least
    /// [`size_sum`](Layout::size_sum).
    #[must_use]
    pub fn unit_size(&self) -> usize {
        self.unit_size
    }

    /// Bytes taken at a time: [`units_per_alloc`](Layout::units_per_alloc)
    /// units, whole atoms.
    #[must_use]
    pub fn alloc_size(&self) -> usize {
        self.split.alloc_size
    }

    /// Bytes of an atom, as asked.
    #[must_use]
    pub fn atom_size(&self) -> usize {
        self.sizes.atom
    }

    /// Bytes of a page, as asked.
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.sizes.page
    }

    /// The floor under a unit, in whole pages.
    #[must_use]
    pub fn minimum_unit_size(&self) -> usize {
        self.split.minimum_unit
    }

    /// Units an allocation holds.
    #[must_use]
    #[doc(alias = "upa")]
    pub fn units_per_alloc(&self) -> usize {
        self.upa
    }

    /// Units an allocation could hold, were it not for the empty slots.
    #[must_use]
    #[doc(alias = "max_upa")]
    pub fn max_units_per_alloc(&self) -> usize {
        self.max_upa
    }

    /// How many groups there are; at least 1.
    #[must_use]
    pub fn nr_groups(&self) -> usize {
        self.groups.len()
    }

    /// How many units there are, empty ones included.
    #[must_use]
    #[doc(alias = "pcpu_nr_units")]
    pub fn nr_units(&self) -> usize {
        self.groups.last().map_or(0, |group| group.first_unit + group.nr_units())
    }

    /// How many CPUs have a unit: all possible ones.
    #[must_use]
    pub fn nr_cpus(&self) -> usize {
        self.unit_of.iter().flatten().count()
    }

    /// How many units are empty; at most a third of
    /// [`nr_cpus`](Layout::nr_cpus).
    #[must_use]
    pub fn wasted_units(&self) -> usize {
        self.nr_units() - self.nr_cpus()
    }

    fn group_of_unit(&self, unit: usize) -> Option<usize> {
        let group = self.groups.partition_point(|group| group.first_unit <= unit).checked_sub(1)?;
        (unit - self.groups[group].first_unit < self.groups[group].nr_units()).then_some(group)
    }
}

/// Deals the CPUs to slots and places the groups back to back.
fn fill_groups(
    topology: &Topology,
    near: &[Vec<CpuId>],
    upa: usize,
    unit_size: usize,
) -> Result<Vec<Group>, LayoutError> {
    let slots = |cpus: &Vec<CpuId>| cpus.len().next_multiple_of(upa);
    let units: usize = near.iter().map(slots).sum();
    let span = units.checked_mul(unit_size).filter(|&span| isize::try_from(span).is_ok());
    span.ok_or(LayoutError::SpanOverflow { units, unit_size })?;

    let mut first_unit = 0;
    let groups = near.iter().map(|cpus| {
        let mut cpu_map: Vec<Option<CpuId>> = cpus.iter().copied().map(Some).collect();
        cpu_map.resize(slots(cpus), None);
        let node = cpus.first().and_then(|&cpu| topology.node_of(cpu));
        let group = Group {
            node: node.unwrap_or(NodeId::new(0)),
            first_unit,
            base_offset: first_unit * unit_size,
            cpu_map: cpu_map.into_boxed_slice(),
        };
        first_unit += group.nr_units();
        group
    });
    Ok(groups.collect())
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
