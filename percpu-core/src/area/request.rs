//! What may be asked for: sizes, alignments and their limits.
//!
//! Every size is rounded up to whole granules of [`GRANULE`] bytes and every
//! alignment raised to one. An ordinary request is bounded by the minimum unit,
//! 32 KiB unless configured larger, so that it fits in any chunk whatever the
//! unit size of this machine; one for the statics of another link unit may be
//! as large as a unit.

use core::fmt;

/// Bytes in a granule, the smallest piece that is handed out.
pub const GRANULE: usize = 4;

/// The minimum unit by default, and with it the largest ordinary request.
#[doc(alias = "PCPU_MIN_UNIT_SIZE")]
pub const MIN_UNIT_BYTES: usize = 32 << 10;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// Bytes.
    pub(crate) size: usize,
    /// A power of two, at most a page.
    pub(crate) align: usize,
    /// From which region.
    pub(crate) region: Region,
    /// Whether the system may be asked for memory.
    pub(crate) blocking: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    Dynamic,
    /// The reserved chunk and no other, if there is one.
    Reserved,
    /// For the statics of a link unit: may be as large as a unit.
    Section,
}

impl Request {
    /// `size` bytes at a multiple of `align` of ordinary memory.
    pub(crate) const fn dynamic(size: usize, align: usize) -> Self {
        Self { size, align, region: Region::Dynamic, blocking: true }
    }

    /// `size` bytes for the statics of a link unit, aligned to `align`.
    pub(crate) const fn section(size: usize, align: usize) -> Self {
        Self { size, align, region: Region::Section, blocking: true }
    }
}

/// Bounds on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest ordinary request in bytes: the minimum unit.
    pub max_size: usize,
    /// The largest alignment in bytes: a page, since units start at pages.
    pub max_align: usize,
    /// The largest request for a section of statics: a unit.
    pub max_section: usize,
}

impl Limits {
    /// The default limits for units of `unit_bytes` in pages of `page_bytes`.
    pub const fn new(unit_bytes: usize, page_bytes: usize) -> Self {
        Self { max_size: MIN_UNIT_BYTES, max_align: page_bytes, max_section: unit_bytes }
    }

    /// The same with another largest ordinary request.
    pub const fn with_max_size(self, max_size: usize) -> Self {
        Self { max_size, ..self }
    }

    /// Whether `size` bytes aligned to `align` may be asked for.
    ///
    /// # Errors
    /// [`SizeError`] names the rule that is broken.
    pub const fn check(&self, size: usize, align: usize) -> Result<(), SizeError> {
        check(size, align, self.max_size, self.max_align)
    }

    /// The same for the statics of a link unit, which may be as large as a unit.
    ///
    /// # Errors
    /// [`SizeError`] names the rule that is broken.
    pub const fn check_section(&self, size: usize, align: usize) -> Result<(), SizeError> {
        check(size, align, self.max_section, self.max_align)
    }
}

const fn check(size: usize, align: usize, max: usize, max_align: usize) -> Result<(), SizeError> {
    if size == 0 {
        Err(SizeError::Zero)
    } else if size > max {
        Err(SizeError::TooLarge { max })
    } else if !align.is_power_of_two() {
        Err(SizeError::BadAlign)
    } else if align > max_align {
        Err(SizeError::AlignTooLarge { max: max_align })
    } else {
        Ok(())
    }
}

/// Why a size and an alignment cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// The size is zero.
    Zero,
    /// The size is over the limit.
    TooLarge {
        /// The largest size in bytes.
        max: usize,
    },
    /// The alignment is not a power of two.
    BadAlign,
    /// The alignment is over a page.
    AlignTooLarge {
        /// The largest alignment in bytes.
        max: usize,
    },
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("a per-CPU area cannot be empty"),
            Self::TooLarge { max } => write!(f, "a per-CPU area has at most {max} bytes"),
            Self::BadAlign => f.write_str("an alignment is a power of two"),
            Self::AlignTooLarge { max } => {
                write!(f, "a per-CPU area is aligned to at most {max} bytes")
            }
        }
    }
}

impl core::error::Error for SizeError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row DA-04.
    #[test]
    fn limits_are_those_of_the_kernel() {
        let limits = Limits::new(64 << 10, 4096);
        assert_eq!(limits.check(0, 4), Err(SizeError::Zero));
        assert_eq!(limits.check(32769, 4), Err(SizeError::TooLarge { max: 32768 }));
        assert_eq!(limits.check(8, 8192), Err(SizeError::AlignTooLarge { max: 4096 }));
        assert_eq!(limits.check(8, 3), Err(SizeError::BadAlign));
        assert_eq!(limits.check(8, 0), Err(SizeError::BadAlign));
        assert_eq!(limits.check(32768, 4096), Ok(()));
        assert_eq!(limits.check(1, 1), Ok(()));
    }

    #[test]
    fn a_section_may_be_as_large_as_a_unit() {
        let limits = Limits::new(64 << 10, 4096);
        assert_eq!(limits.check_section(64 << 10, 64), Ok(()));
        assert_eq!(limits.check_section(65537, 64), Err(SizeError::TooLarge { max: 65536 }));
        assert_eq!(limits.with_max_size(65536).check(40000, 4), Ok(()));
    }

    #[test]
    fn errors_read_as_sentences() {
        let error = SizeError::TooLarge { max: 32768 };
        assert_eq!(error.to_string(), "a per-CPU area has at most 32768 bytes");
    }
}
