//! [`Sizes`]: what the first chunk must hold, and how that rounds up.
//!
//! ```text
//!   |<------------------------- unit_size ------------------------>|
//!   |<------------- size_sum, whole pages ----------->|            |
//!   +----------+--+----------+----------------+-------+------------+
//!   | static   |▒▒| reserved | dynamic asked  | slack |  unused    |
//!   +----------+--+----------+----------------+-------+------------+
//!               ^ to 4 bytes  \___ dynamic as found _/
//! ```

use crate::area::layout_error::LayoutError;

const KIB: usize = 1 << 10;

/// The unit of allocation: every size is a multiple of it.
pub(super) const GRANULE: usize = 4;

/// A page is a block of bookkeeping: a bit per granule, in whole 64-bit words.
const LEAST_PAGE: usize = 64 * GRANULE;

/// What a unit of the first chunk must hold, in bytes, and how units may be
/// carved from memory.
///
/// Start from the size of the static part and change what should differ from
/// the kernel's defaults:
///
/// | part | default | meaning |
/// | --- | --- | --- |
/// | [`reserved`](Sizes::reserved) | 8 KiB | kept for statics of plug-ins |
/// | [`dynamic`](Sizes::dynamic) | 28 KiB | least room for allocations |
/// | [`dynamic_early_minimum`](Sizes::dynamic_early_minimum) | 20 KiB | the floor under that |
/// | [`atom`](Sizes::atom) | 2 MiB | memory comes in multiples of it |
/// | [`page`](Sizes::page) | 4 KiB | size of a page |
/// | [`minimum_unit`](Sizes::minimum_unit) | 32 KiB | floor of a unit, ceiling of an allocation |
///
/// Nothing is checked here; [`Layout::build`](crate::Layout::build) does.
///
/// # Examples
///
/// ```
/// use percpu_core::{Layout, Sizes, Topology};
///
/// let sizes = Sizes::new(185_496).reserved(0).dynamic(28 << 10).atom(2 << 20);
/// let layout = Layout::build(&sizes, &Topology::uniform(2, 1)?)?;
/// assert_eq!(layout.unit_size(), 1 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "sizes do nothing until a layout is built from them"]
pub struct Sizes {
    pub(super) static_size: usize,
    pub(super) reserved: usize,
    pub(super) dynamic: usize,
    pub(super) dynamic_early_minimum: usize,
    pub(super) atom: usize,
    pub(super) page: usize,
    pub(super) minimum_unit: usize,
}

impl Sizes {
    /// The kernel's sizes around a static part of `static_size` bytes, at least
    /// 1.
    pub const fn new(static_size: usize) -> Self {
        Self {
            static_size,
            reserved: 8 * KIB,
            dynamic: 28 * KIB,
            dynamic_early_minimum: 20 * KIB,
            atom: 2 * KIB * KIB,
            page: 4 * KIB,
            minimum_unit: 32 * KIB,
        }
    }

    /// Bytes kept for statics of plug-ins; a multiple of 4.
    #[doc(alias = "PERCPU_MODULE_RESERVE")]
    pub const fn reserved(mut self, bytes: usize) -> Self {
        self.reserved = bytes;
        self
    }

    /// The least number of bytes for dynamic allocation; what is left of the
    /// last page is added.
    #[doc(alias = "PERCPU_DYNAMIC_RESERVE")]
    #[doc(alias = "dyn_size")]
    pub const fn dynamic(mut self, bytes: usize) -> Self {
        self.dynamic = bytes;
        self
    }

    /// The floor under [`dynamic`](Sizes::dynamic): 20 KiB now, 12 KiB in older
    /// kernels.
    #[doc(alias = "PERCPU_DYNAMIC_EARLY_SIZE")]
    pub const fn dynamic_early_minimum(mut self, bytes: usize) -> Self {
        self.dynamic_early_minimum = bytes;
        self
    }

    /// Memory is taken in multiples of this and aligned to it: a power of two,
    /// at least a page. 2 MiB, a huge page, by default.
    #[doc(alias = "atom_size")]
    pub const fn atom(mut self, bytes: usize) -> Self {
        self.atom = bytes;
        self
    }

    /// The size of a page: a power of two, at least 256.
    #[doc(alias = "PAGE_SIZE")]
    pub const fn page(mut self, bytes: usize) -> Self {
        self.page = bytes;
        self
    }

    /// The floor of a unit, which is also the ceiling of a single allocation;
    /// rounded up to whole pages.
    #[doc(alias = "PCPU_MIN_UNIT_SIZE")]
    pub const fn minimum_unit(mut self, bytes: usize) -> Self {
        self.minimum_unit = bytes;
        self
    }

    /// Checks the sizes and rounds them up: what one unit holds and how much
    /// memory is taken at a time.
    pub(super) fn split(&self) -> Result<Split, LayoutError> {
        let &Self { static_size, reserved, page, atom, .. } = self;
        if !page.is_power_of_two() {
            return Err(LayoutError::PageNotPowerOfTwo { page });
        }
        if page < LEAST_PAGE {
            return Err(LayoutError::PageTooSmall { page, least: LEAST_PAGE });
        }
        if !atom.is_power_of_two() {
            return Err(LayoutError::AtomNotPowerOfTwo { atom });
        }
        if atom < page {
            return Err(LayoutError::AtomNotPages { atom, page });
        }
        if static_size == 0 {
            return Err(LayoutError::StaticEmpty);
        }
        if !reserved.is_multiple_of(GRANULE) {
            return Err(LayoutError::ReservedMisaligned { reserved });
        }
        self.round_up().ok_or(LayoutError::UnitOverflow)
    }

    /// The sums; `None` if one does not fit into an address.
    fn round_up(&self) -> Option<Split> {
        let &Self { static_size, reserved, page, atom, .. } = self;
        let least_dynamic = self.dynamic.max(self.dynamic_early_minimum);
        let fixed = static_size.checked_add(reserved)?;
        let size_sum = fixed.checked_add(least_dynamic)?.checked_next_multiple_of(page)?;
        let minimum_unit = self.minimum_unit.checked_next_multiple_of(page)?;
        let alloc_size = size_sum.max(minimum_unit).checked_next_multiple_of(atom)?;
        isize::try_from(alloc_size).ok()?;
        Some(Split { dynamic: size_sum - fixed, size_sum, minimum_unit, alloc_size })
    }
}

/// Sizes, checked and rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Bytes left for dynamic allocation, the slack of the last page included.
    pub(super) dynamic: usize,
    /// Bytes a unit must hold; whole pages.
    pub(super) size_sum: usize,
    /// The floor of a unit; whole pages.
    pub(super) minimum_unit: usize,
    /// Bytes taken at a time; whole atoms.
    pub(super) alloc_size: usize,
}
