//! [`AddressSpaceError`]: why areas cannot be placed.

use core::fmt;
use core::ops::Range;
use std::error::Error;

/// Why areas cannot be placed in an address space.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressSpaceError {
    /// There are no areas.
    NoAreas,
    /// An area has no bytes.
    EmptyArea {
        /// Where it begins, from the base.
        offset: usize,
    },
    /// The alignment is not a power of two.
    AlignNotPowerOfTwo {
        /// Bytes asked for.
        align: usize,
    },
    /// The alignment is not a multiple of the page.
    AlignNotPages {
        /// Bytes asked for.
        align: usize,
        /// Bytes of a page of this address space.
        page: usize,
    },
    /// An offset or a size is not a multiple of the alignment.
    Misaligned {
        /// Where the area begins, from the base.
        offset: usize,
        /// Its bytes.
        size: usize,
        /// What both must be multiples of.
        align: usize,
    },
    /// The end of an area is more than an address can be.
    EndOverflow {
        /// Where the area begins, from the base.
        offset: usize,
        /// Its bytes.
        size: usize,
    },
    /// Two areas share bytes.
    Overlap {
        /// The area that begins first, from the base.
        first: Range<usize>,
        /// The other.
        second: Range<usize>,
    },
    /// No area begins at the base, so the base would not name the areas.
    NothingAtBase {
        /// Where the lowest area begins, from the base.
        lowest: usize,
    },
    /// The address space is too small even if nothing were taken.
    NoAddressSpace {
        /// Bytes from the base to the end of the last area.
        span: usize,
        /// Bytes of the address space between multiples of the alignment.
        available: usize,
    },
    /// The address space is large enough, but at each base some area meets
    /// what is taken.
    NoHole {
        /// Bytes from the base to the end of the last area.
        span: usize,
    },
    /// A range is empty, runs backwards, or leaves the address space.
    Outside {
        /// The range.
        range: Range<usize>,
    },
    /// Part of a range is taken already.
    Taken {
        /// What it meets first.
        by: Range<usize>,
    },
}

impl AddressSpaceError {
    /// Whether less taken would have helped: the one case in which to release
    /// something and to try again.
    #[must_use]
    pub fn is_no_hole(&self) -> bool {
        matches!(self, Self::NoHole { .. })
    }
}

impl fmt::Display for AddressSpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAreas => f.write_str("there are no areas to place"),
            Self::EmptyArea { offset } => write!(f, "the area at offset {offset} has no bytes"),
            Self::AlignNotPowerOfTwo { align } => {
                write!(f, "the alignment of {align} bytes is not a power of two")
            }
            Self::AlignNotPages { align, page } => write!(
                f,
                "the alignment of {align} bytes is not a multiple of the page of {page} bytes"
            ),
            Self::Misaligned { offset, size, align } => write!(
                f,
                "the area of {size} bytes at offset {offset} is not in multiples of {align} bytes"
            ),
            Self::EndOverflow { offset, size } => write!(
                f,
                "the area of {size} bytes at offset {offset} ends beyond what an address can be"
            ),
            Self::Overlap { first, second } => {
                write!(f, "the areas at offsets {first:?} and {second:?} overlap")
            }
            Self::NothingAtBase { lowest } => {
                write!(f, "the lowest area must begin at offset 0, not at {lowest}")
            }
            Self::NoAddressSpace { span, available } => write!(
                f,
                "areas that span {span} bytes cannot lie in {available} bytes of address space"
            ),
            Self::NoHole { span } => {
                write!(f, "no hole is left for areas that span {span} bytes: release some")
            }
            Self::Outside { range } => {
                write!(f, "{range:#x?} is empty or not inside the address space")
            }
            Self::Taken { by } => write!(f, "{by:#x?} is taken already"),
        }
    }
}

impl Error for AddressSpaceError {}
