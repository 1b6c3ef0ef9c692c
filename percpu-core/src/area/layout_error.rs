//! [`LayoutError`]: why there is no layout for these sizes.

use core::fmt;
use std::error::Error;

/// Why there is no layout for these sizes. The message says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutError {
    /// The static part is empty. The core itself always has a static, so no
    /// real process is without.
    StaticEmpty,
    /// The reserved part is not a multiple of 4, the unit of allocation.
    ReservedMisaligned {
        /// Bytes asked for.
        reserved: usize,
    },
    /// The page size is not a power of two.
    PageNotPowerOfTwo {
        /// Bytes asked for.
        page: usize,
    },
    /// A page is too small for the bookkeeping, which counts allocation units
    /// of a page in whole words of 64 bits.
    PageTooSmall {
        /// Bytes asked for.
        page: usize,
        /// The least possible.
        least: usize,
    },
    /// The atom is not a power of two, so nothing can be aligned to it.
    AtomNotPowerOfTwo {
        /// Bytes asked for.
        atom: usize,
    },
    /// The atom is not a whole number of pages.
    AtomNotPages {
        /// Bytes asked for.
        atom: usize,
        /// Bytes of a page.
        page: usize,
    },
    /// The parts of one unit, rounded up, add up to more than an address can
    /// span.
    UnitOverflow,
    /// The units of all CPUs add up to more than an address can span.
    SpanOverflow {
        /// Units, empty ones included.
        units: usize,
        /// Bytes of each.
        unit_size: usize,
    },
    /// Of an address space, the groups would span three quarters or more: with
    /// whatever else is in it, there would be no room for chunks.
    TooFarApart {
        /// Bytes from the start of the first group to the end of the last.
        span: usize,
        /// Bytes of the address space.
        space: usize,
    },
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaticEmpty => {
                write!(f, "the static part is empty: give it at least one byte")
            }
            Self::ReservedMisaligned { reserved } => write!(
                f,
                "the reserved part of {reserved} bytes is not a multiple of 4: round it up to {}",
                reserved.saturating_add(3) / 4 * 4
            ),
            Self::PageNotPowerOfTwo { page } => {
                write!(f, "the page size of {page} bytes is not a power of two: take 4096")
            }
            Self::PageTooSmall { page, least } => write!(
                f,
                "the page size of {page} bytes is too small: take at least {least}, or 4096"
            ),
            Self::AtomNotPowerOfTwo { atom } => {
                write!(f, "the atom of {atom} bytes is not a power of two: ")?;
                match atom.checked_next_power_of_two() {
                    Some(next) => write!(f, "take {next}"),
                    None => write!(f, "take a smaller one"),
                }
            }
            Self::AtomNotPages { atom, page } => write!(
                f,
                "the atom of {atom} bytes is not a multiple of the page of {page} bytes: \
                 take {page} or more"
            ),
            Self::UnitOverflow => write!(
                f,
                "static, reserved and dynamic part, rounded up to minimum unit, page and atom, \
                 are more than an address can span: make them smaller"
            ),
            Self::SpanOverflow { units, unit_size } => write!(
                f,
                "{units} units of {unit_size} bytes are more than an address can span: \
                 make the parts or the atom smaller"
            ),
            Self::TooFarApart { span, space } => write!(
                f,
                "the groups span {span} bytes, which is not less than three quarters of the \
                 {space} bytes of address space: pack the units page by page"
            ),
        }
    }
}

impl Error for LayoutError {}
