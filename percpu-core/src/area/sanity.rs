//! The checks before a layout is put to use.
//!
//! [`Layout::build`] cannot break them; a chunk whose groups were placed by
//! other means, or a bug, could. The kernel stops the machine here, we return
//! the broken rule. Source of the rules: those of `pcpu_setup_first_chunk`.

use core::fmt;
use std::error::Error;

use crate::area::layout::Layout;
use crate::area::sizes::GRANULE;
use crate::cpu::CpuId;
use crate::sys::Topology;

impl Layout {
    /// Checks that this layout is fit for `topology`.
    ///
    /// Always `Ok` for what [`Layout::build`] returned for the same topology.
    /// Time is proportional to the number of units.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, see [`SanityError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use percpu_core::{Layout, SanityError, Sizes, Topology};
    ///
    /// let machine = Topology::uniform(4, 1)?;
    /// let layout = Layout::build(&Sizes::new(4096), &machine)?;
    /// assert_eq!(layout.sanity(&machine), Ok(()));
    ///
    /// let grown = Topology::uniform(8, 1)?;
    /// let error = layout.sanity(&grown).unwrap_err();
    /// assert_eq!(error.rule(), "every possible CPU is mapped");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "PCPU_SETUP_BUG_ON")]
    pub fn sanity(&self, topology: &Topology) -> Result<(), SanityError> {
        let (unit_size, page, size_sum) = (self.unit_size(), self.page_size(), self.size_sum());
        // The block of bookkeeping is a page.
        let block = page;
        let least_unit = self.minimum_unit_size();
        let least_dynamic = self.sizes.dynamic_early_minimum;
        let check = |holds: bool, error: SanityError| if holds { Ok(()) } else { Err(error) };

        check(!self.groups().is_empty(), SanityError::NoGroups)?;
        check(self.static_size() > 0, SanityError::StaticEmpty)?;
        let parts = self
            .static_size()
            .checked_add(self.reserved_size())
            .and_then(|sum| sum.checked_add(self.dynamic_size()))
            .unwrap_or(usize::MAX);
        let parts = parts.max(size_sum);
        check(unit_size >= parts, SanityError::UnitTooSmall { unit_size, parts })?;
        check(unit_size.is_multiple_of(page), SanityError::UnitNotPages { unit_size })?;
        check(unit_size >= least_unit, SanityError::UnitBelowMinimum { unit_size, least_unit })?;
        check(unit_size.is_multiple_of(block), SanityError::UnitNotBlocks { unit_size, block })?;
        let dynamic = self.dynamic_size();
        check(dynamic >= least_dynamic, SanityError::DynamicTooSmall { dynamic, least_dynamic })?;
        let reserved = self.reserved_size();
        check(reserved.is_multiple_of(GRANULE), SanityError::ReservedMisaligned { reserved })?;
        let divide = block.is_multiple_of(page) || page.is_multiple_of(block);
        check(divide, SanityError::BlockAndPage { block, page })?;
        self.sanity_of_cpus(topology)
    }

    fn sanity_of_cpus(&self, topology: &Topology) -> Result<(), SanityError> {
        let mut mapped = vec![false; topology.nr_cpu_ids()];
        for cpu in self.groups().iter().flat_map(|group| group.cpus()) {
            let Some(seen) = mapped.get_mut(cpu.index()) else {
                return Err(SanityError::CpuOutOfRange { cpu });
            };
            if topology.node_of(cpu).is_none() {
                return Err(SanityError::CpuNotPossible { cpu });
            }
            if core::mem::replace(seen, true) {
                return Err(SanityError::CpuMappedTwice { cpu });
            }
        }
        match topology.possible().iter().find(|cpu| !mapped[cpu.index()]) {
            Some(cpu) => Err(SanityError::CpuNotMapped { cpu }),
            None => Ok(()),
        }
    }

    /// Checks the addresses at which this layout is put to use: that of the
    /// first chunk and that of the template, the initial values of the statics.
    ///
    /// # Errors
    ///
    /// A null chunk, or either address off a page boundary.
    pub fn sanity_of_addresses(&self, chunk: usize, template: usize) -> Result<(), SanityError> {
        let page = self.page_size();
        if !template.is_multiple_of(page) {
            return Err(SanityError::TemplateMisaligned { address: template });
        }
        if chunk == 0 {
            return Err(SanityError::ChunkNull);
        }
        if !chunk.is_multiple_of(page) {
            return Err(SanityError::ChunkMisaligned { address: chunk });
        }
        Ok(())
    }
}

/// The rule that a layout breaks. Sizes and addresses are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields carry the numbers that `rule` speaks of")]
pub enum SanityError {
    /// There is at least one group.
    NoGroups,
    /// The static part is not empty.
    StaticEmpty,
    /// The template starts on a page boundary.
    TemplateMisaligned { address: usize },
    /// The first chunk has an address.
    ChunkNull,
    /// The first chunk starts on a page boundary.
    ChunkMisaligned { address: usize },
    /// A unit holds static, reserved and dynamic part.
    UnitTooSmall { unit_size: usize, parts: usize },
    /// A unit is whole pages.
    UnitNotPages { unit_size: usize },
    /// A unit is at least the minimum unit.
    UnitBelowMinimum { unit_size: usize, least_unit: usize },
    /// A unit is whole blocks of bookkeeping.
    UnitNotBlocks { unit_size: usize, block: usize },
    /// The dynamic part is at least the early minimum.
    DynamicTooSmall { dynamic: usize, least_dynamic: usize },
    /// The reserved part is a multiple of 4.
    ReservedMisaligned { reserved: usize },
    /// Of block and page one divides the other.
    BlockAndPage { block: usize, page: usize },
    /// A mapped CPU has a number of this machine.
    CpuOutOfRange { cpu: CpuId },
    /// A mapped CPU is possible.
    CpuNotPossible { cpu: CpuId },
    /// A CPU is mapped once.
    CpuMappedTwice { cpu: CpuId },
    /// Every possible CPU is mapped.
    CpuNotMapped { cpu: CpuId },
}

impl SanityError {
    /// The broken rule, as a sentence that should have held.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NoGroups => "there is at least one group",
            Self::StaticEmpty => "the static part is not empty",
            Self::TemplateMisaligned { .. } => "the template is page aligned",
            Self::ChunkNull => "the first chunk has an address",
            Self::ChunkMisaligned { .. } => "the first chunk is page aligned",
            Self::UnitTooSmall { .. } => "a unit holds static, reserved and dynamic part",
            Self::UnitNotPages { .. } => "a unit is whole pages",
            Self::UnitBelowMinimum { .. } => "a unit is at least the minimum unit",
            Self::UnitNotBlocks { .. } => "a unit is whole blocks",
            Self::DynamicTooSmall { .. } => "the dynamic part is at least the early minimum",
            Self::ReservedMisaligned { .. } => "the reserved part is a multiple of 4",
            Self::BlockAndPage { .. } => "of block and page one divides the other",
            Self::CpuOutOfRange { .. } => "a mapped CPU has a number of this machine",
            Self::CpuNotPossible { .. } => "a mapped CPU is possible",
            Self::CpuMappedTwice { .. } => "a CPU is mapped once",
            Self::CpuNotMapped { .. } => "every possible CPU is mapped",
        }
    }
}

impl fmt::Display for SanityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the layout breaks the rule that {}: {self:?}", self.rule())
    }
}

impl Error for SanityError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::sizes::Sizes;

    fn machine() -> Topology {
        Topology::builder().cpus([0, 1, 4]).build().unwrap()
    }

    fn layout() -> Layout {
        Layout::build(&Sizes::new(73_728), &machine()).unwrap()
    }

    /// Breaks a good layout and tells which rule noticed.
    fn broken(harm: impl FnOnce(&mut Layout)) -> SanityError {
        let mut layout = layout();
        assert_eq!(layout.sanity(&machine()), Ok(()));
        harm(&mut layout);
        layout.sanity(&machine()).unwrap_err()
    }

    #[test]
    fn each_rule_has_its_error() {
        use SanityError::*;
        assert_eq!(broken(|l| l.groups = Box::new([])), NoGroups);
        assert_eq!(broken(|l| l.sizes.static_size = 0), StaticEmpty);
        assert!(matches!(broken(|l| l.unit_size = 4096), UnitTooSmall { .. }));
        assert!(matches!(broken(|l| l.sizes.reserved = usize::MAX), UnitTooSmall { .. }));
        assert!(matches!(broken(|l| l.unit_size += 4), UnitNotPages { .. }));
        assert!(matches!(broken(|l| l.split.minimum_unit = 1 << 30), UnitBelowMinimum { .. }));
        assert!(matches!(broken(|l| l.split.dynamic = 4), DynamicTooSmall { .. }));
        assert!(matches!(broken(|l| l.sizes.reserved = 6), ReservedMisaligned { reserved: 6 }));
        let map = |cpu| move |l: &mut Layout| l.groups[0].cpu_map[2] = cpu;
        let cpu = CpuId::new;
        assert_eq!(broken(map(Some(cpu(9)))), CpuOutOfRange { cpu: cpu(9) });
        assert_eq!(broken(map(Some(cpu(3)))), CpuNotPossible { cpu: cpu(3) });
        assert_eq!(broken(map(Some(cpu(0)))), CpuMappedTwice { cpu: cpu(0) });
        assert_eq!(broken(map(None)), CpuNotMapped { cpu: cpu(4) });
    }

    #[test]
    fn addresses() {
        use SanityError::*;
        let layout = layout();
        assert_eq!(layout.sanity_of_addresses(1 << 21, 0x5000), Ok(()));
        assert_eq!(layout.sanity_of_addresses(0, 0x5000), Err(ChunkNull));
        assert_eq!(layout.sanity_of_addresses(64, 0x5000), Err(ChunkMisaligned { address: 64 }));
        assert_eq!(layout.sanity_of_addresses(4096, 8), Err(TemplateMisaligned { address: 8 }));
    }

    #[test]
    fn messages_carry_the_rule() {
        let text = SanityError::CpuNotMapped { cpu: CpuId::new(7) }.to_string();
        assert!(text.contains("every possible CPU is mapped") && text.contains("cpu7"), "{text}");
    }
}
