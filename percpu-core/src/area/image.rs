//! An image: the statics of one link unit, as they lie in a unit.
//!
//! ```text
//!   offset 0                                                            size
//!   | page-aligned ... | hot |▒▒| read-mostly |▒| plain ... |▒| shared-aligned |
//!     whole pages        <= 64    each group begins at a multiple of 128
//! ```
//!
//! Groups are the sections of the link unit, byte for byte; the padding between
//! them, below a page in all, keeps what is written often away from what is read
//! often. An image begins at a multiple of [`Image::align`] in its unit, and units
//! begin at pages, so a static is aligned on every CPU.

use super::section::{FAMILIES, GROUP_ALIGN, HOT, LinkUnit, PAGE, PAGE_ALIGN};
use crate::error::Error;

/// All hot statics of a link unit share a cache line.
pub(crate) const HOT_BYTES: usize = 64;

/// The statics of one link unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image {
    /// By family.
    pieces: [Piece; FAMILIES],
    size: usize,
}

/// The statics of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Exposed address of the template.
    pub(crate) start: usize,
    /// Bytes.
    pub(crate) len: usize,
    /// Where it lies in the image.
    pub(crate) offset: usize,
}

impl Image {
    pub(crate) fn of(unit: &LinkUnit) -> Self {
        Self::lay_out(unit.families.map(|range| (range.start(), range.len())))
    }

    fn lay_out(templates: [(usize, usize); FAMILIES]) -> Self {
        let mut size = 0_usize;
        let pieces = templates.map(|(start, len)| {
            if len > 0 {
                // Page-aligned statics come first, and are whole pages.
                size = size.next_multiple_of(GROUP_ALIGN);
            }
            let piece = Piece { start, len, offset: size };
            size += len;
            piece
        });
        Self { pieces, size }
    }

    /// Bytes in a unit.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// What its offset in a unit is a multiple of.
    pub(crate) fn align(&self) -> usize {
        if self.pieces[PAGE].len > 0 { PAGE_ALIGN } else { GROUP_ALIGN }
    }

    /// The groups that there are, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(|piece| piece.len > 0)
    }

    /// Where in the image the template at `address` lies.
    pub(crate) fn offset_of(&self, address: usize) -> Option<usize> {
        self.pieces().find_map(|piece| {
            let inside = address.checked_sub(piece.start)?;
            (inside < piece.len).then_some(piece.offset + inside)
        })
    }

    /// Whether both are the image of one link unit.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.pieces().next() == other.pieces().next()
    }

    /// Whether it keeps the promises of its families.
    ///
    /// # Errors
    /// [`Error::HotTooLarge`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        let size = self.pieces[HOT].len;
        if size > HOT_BYTES { Err(Error::HotTooLarge { size, max: HOT_BYTES }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(image: &Image) -> Vec<usize> {
        image.pieces().map(|piece| piece.offset).collect()
    }

    /// Rows SV-08, SV-09: the order, and the padding.
    #[test]
    fn groups_follow_each_other_with_less_than_a_page_of_padding() {
        let lens = [8192, 60, 1, 129, 192];
        let starts = [0x20_000, 0x10_008, 0x11_001, 0x12_008, 0x13_040];
        let image = Image::lay_out(std::array::from_fn(|family| (starts[family], lens[family])));
        assert_eq!(offsets(&image), [0, 8192, 8320, 8448, 8704]);
        assert_eq!((image.size(), image.align()), (8896, 4096));
        assert!(image.size() - lens.iter().sum::<usize>() < 4096);
        assert_eq!(image.offset_of(0x12_008 + 128), Some(8448 + 128));
        assert_eq!(image.offset_of(0x12_008 + 129), None);
        assert_eq!(image.offset_of(0x10_007), None);
        assert_eq!(image.check(), Ok(()));
    }

    #[test]
    fn a_group_without_statics_costs_nothing() {
        let image = Image::lay_out([(0, 0), (0, 0), (0, 0), (0x5000, 64), (0, 0)]);
        assert_eq!((offsets(&image), image.size(), image.align()), (vec![0], 64, 128));
        assert!(image.is(&image));
        let other = Image::lay_out([(0, 0), (0, 0), (0x5000, 64), (0x6000, 64), (0, 0)]);
        assert!(!image.is(&Image::lay_out([(0, 0), (0, 0), (0, 0), (0x5040, 64), (0, 0)])));
        assert_eq!(offsets(&other), [0, 128]);
    }

    /// Row SV-09.
    #[test]
    fn more_hot_statics_than_a_cache_line_are_an_error() {
        let image = |len| Image::lay_out([(0, 0), (0x40, len), (0, 0), (0, 0), (0, 0)]);
        assert_eq!(image(64).check(), Ok(()));
        assert_eq!(image(65).check(), Err(Error::HotTooLarge { size: 65, max: 64 }));
    }
}
