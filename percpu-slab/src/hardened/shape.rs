//! [`Shape`]: where in an object's place its zones lie, and what they hold.
//!
//! ```text
//!   0            left           left + size      + right     stride
//!   | left zone  | object ....  E | right zone     | padding |
//!   | bb or cc   | 6b 6b 6b .. a5 | bb or cc       | 5a      |
//! ```
//! Zones are 0xcc around an object in use, 0xbb around a free one. A free object is
//! 0x6b with 0xa5 as its last byte. Of an object that was asked for with fewer bytes
//! than it has, the right zone begins behind these.
//!
//! # Invariants
//! - S1: the zones of a state do not overlap, and cover the place, but for the bytes of
//!   an object in use that its user may write.
//! - S2: `left` and `stride` are multiples of the alignment: if a place is aligned, so
//!   are its object and the place behind it.

use core::alloc::Layout;
use core::ops::Range;

use super::report::Kind;
use crate::error::Error;

/// Of zones around a free object. The kernel's `SLUB_RED_INACTIVE`.
pub(crate) const RED_INACTIVE: u8 = 0xbb;
/// Of zones around an object in use. The kernel's `SLUB_RED_ACTIVE`.
pub(crate) const RED_ACTIVE: u8 = 0xcc;
/// A free object. The kernel's `POISON_FREE`.
pub(crate) const POISON_FREE: u8 = 0x6b;
/// The last byte of a free object. The kernel's `POISON_END`.
pub(crate) const POISON_END: u8 = 0xa5;
/// What is left of the place. The kernel's `POISON_INUSE`.
pub(crate) const PADDING: u8 = 0x5a;

/// A zone has this many bytes at least: a word.
const WORD: usize = 8;

/// Where in an object's place its zones lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    left: usize,
    size: usize,
    right: usize,
    stride: usize,
    align: usize,
}

/// What an object is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// In use, of so many bytes.
    Live(usize),
    Free,
}

/// Bytes of a place that should all be `byte`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
    pub(crate) byte: u8,
}

impl Shape {
    /// The shape of objects of `layout`.
    ///
    /// # Errors
    /// [`Error::Layout`] if there is no such place in any address space.
    pub(crate) fn new(layout: Layout) -> Result<Self, Error> {
        let (size, align) = (layout.size(), layout.align().max(WORD));
        let impossible =
            || Error::Layout { size, align, max: (isize::MAX as usize).saturating_sub(4 * align) };
        let left = align;
        let end = size.checked_next_multiple_of(WORD).ok_or_else(impossible)? + WORD;
        let right = end - size;
        let stride = left
            .checked_add(end)
            .and_then(|used| used.checked_next_multiple_of(align))
            .ok_or_else(impossible)?;
        Layout::from_size_align(stride, align).map_err(|_| impossible())?;
        Ok(Self { left, size, right, stride, align })
    }

    /// Of a whole place: what the slabs are asked for.
    pub(crate) fn place(&self) -> Layout {
        Layout::from_size_align(self.stride, self.align).expect("checked in `new`")
    }

    /// How far into its place an object begins.
    pub(crate) fn object(&self) -> usize {
        self.left
    }

    /// Bytes of an object.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// What the place of an object in this state holds, some zones without bytes.
    ///
    /// # Panics
    /// If more bytes are in use than the object has.
    pub(crate) fn zones(&self, state: Use) -> [Zone; 5] {
        let object = self.left..self.left + self.size;
        let end = object.end + self.right;
        let zone = |kind, range, byte| Zone { kind, range, byte };
        let last = object.end - usize::from(self.size > 0);
        let (red, used, poisoned, ended) = match state {
            Use::Live(bytes) => {
                assert!(bytes <= self.size, "{bytes} bytes of {}", self.size);
                (RED_ACTIVE, object.start + bytes, 0..0, 0..0)
            }
            Use::Free => (RED_INACTIVE, object.end, object.start..last, last..object.end),
        };
        [
            zone(Kind::LeftRedZone, 0..self.left, red),
            zone(Kind::Poison, poisoned, POISON_FREE),
            zone(Kind::Poison, ended, POISON_END),
            zone(Kind::RightRedZone, used..end, red),
            zone(Kind::Padding, end..self.stride, PADDING),
        ]
    }
}

/// Bytes of a zone that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The first one's place in the zone.
    pub(crate) first: usize,
    /// From the first to the last, right ones between them included.
    pub(crate) len: usize,
    /// What the first one is.
    pub(crate) found: u8,
}

/// What is wrong with bytes that should all be `byte`.
pub(crate) fn check(bytes: &[u8], byte: u8) -> Option<Damage> {
    let first = bytes.iter().position(|&found| found != byte)?;
    let last = bytes.iter().rposition(|&found| found != byte)?;
    Some(Damage { first, len: last - first + 1, found: bytes[first] })
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
