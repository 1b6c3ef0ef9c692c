//! The address space that a layout needs.

use crate::area::layout::{Group, Layout};
use crate::area::layout_error::LayoutError;

impl Layout {
    /// Bytes from the start of a chunk to the end of its last group: what a
    /// reservation must cover.
    #[must_use]
    #[doc(alias = "max_distance")]
    pub fn span(&self) -> usize {
        self.areas().iter().map(|&(offset, size)| offset + size).max().unwrap_or(0)
    }

    /// The groups as areas of memory: where each begins, in bytes from the start
    /// of a chunk, and its size; both multiples of the atom. See
    /// [`AddressSpace::place`](crate::AddressSpace::place).
    #[must_use]
    #[doc(alias = "pcpu_group_offsets")]
    #[doc(alias = "pcpu_group_sizes")]
    pub fn areas(&self) -> Vec<(usize, usize)> {
        let area = |group: &Group| (group.base_offset(), group.nr_units() * self.unit_size());
        self.groups.iter().map(area).collect()
    }

    /// Checks that chunks of this layout have room in `space` bytes of address
    /// space: the groups must span less than three quarters of it.
    ///
    /// # Errors
    ///
    /// [`LayoutError::TooFarApart`]; the kernel then falls back to units packed
    /// page by page.
    ///
    /// # Examples
    ///
    /// ```
    /// use percpu_core::{Layout, LayoutError, Sizes, Topology};
    ///
    /// let layout = Layout::build(&Sizes::new(72 << 10), &Topology::uniform(8, 2)?)?;
    /// assert_eq!(layout.span(), 4 << 20);
    /// assert_eq!(layout.fits(6 << 20), Ok(()));
    /// let error = LayoutError::TooFarApart { span: 4 << 20, space: 5 << 20 };
    /// assert_eq!(layout.fits(5 << 20), Err(error));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "VMALLOC_TOTAL")]
    pub fn fits(&self, space: usize) -> Result<(), LayoutError> {
        let span = self.span();
        // Three quarters, rounded up: no overflow, and the same for whole bytes.
        if span < space - space / 4 {
            return Ok(());
        }
        Err(LayoutError::TooFarApart { span, space })
    }
}
