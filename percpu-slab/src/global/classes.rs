//! Size classes: which blocks serve a request.
//!
//! ```text
//!   8 16 24 32 | 40 48 64 64 | 80 96 112 128 | 160 192 224 256 | ... 28K 32K
//! ```
//! Multiples of 8 up to 32, then four to each doubling: what a block is larger than
//! the request is less than a fifth of it. (The kernel's kmalloc has powers of two,
//! 96 and 192: up to a half.)
//!
//! The class of 56 bytes has blocks of 64. A panic's exception is of 56 bytes, and until
//! rust-lang/rust#161368 the standard library asks for a multiple of 8; but LLVM's unwinder,
//! that of the musl targets, crashes unless it is one of 16. So of 49 to 51 bytes nearly a
//! quarter of the block is lost.
//!
//! A class with a size of `2^k * odd` has blocks at multiples of `2^k`. Rounding a
//! request up to its alignment always leads to a class that has it: a class's
//! neighbours are `2^k` apart in its doubling, so either that is the alignment's
//! multiple, or the rounded size is one of the few that are.

use std::alloc::Layout;

/// How many there are.
pub(super) const CLASSES: usize = 44;

/// The largest block.
pub(super) const LARGEST: usize = 32 << 10;

/// The largest alignment that blocks have.
pub(super) const LARGEST_ALIGN: usize = 4096;

/// The class of a panic's exception.
const PANIC: usize = 6;

/// The class that serves requests of this layout; `None` if it is a mapping's.
#[inline(always)]
pub(super) fn class_of(layout: Layout) -> Option<usize> {
    // No overflow: a layout's size, rounded up, is no more than `isize::MAX`.
    let size = (layout.size().max(1) + (layout.align() - 1)) & !(layout.align() - 1);
    if size > LARGEST || layout.align() > LARGEST_ALIGN {
        return None;
    }
    let last = size - 1;
    Some(if last < 32 {
        last >> 3
    } else {
        let log2 = last.ilog2() as usize;
        4 + (log2 - 5) * 4 + ((last >> (log2 - 2)) & 3)
    })
}

/// Bytes of a block of the class.
pub(super) const fn size_of_class(class: usize) -> usize {
    match class {
        0..4 => 8 * (class + 1),
        PANIC => 64,
        _ => {
            let (doubling, step) = ((class - 4) / 4, (class - 4) % 4);
            (32 << doubling) + (8 << doubling) * (step + 1)
        }
    }
}

/// What its blocks are multiples of.
pub(super) const fn align_of_class(class: usize) -> usize {
    let size = size_of_class(class);
    let align = 1 << size.trailing_zeros();
    if align < LARGEST_ALIGN { align } else { LARGEST_ALIGN }
}

/// Items of a magazine of the class, as the kernel's sheaves.
pub(super) const fn magazine_of_class(class: usize) -> usize {
    match size_of_class(class) {
        0..256 => 60,
        256..1024 => 28,
        1024..4096 => 12,
        _ => 4,
    }
}

/// Bytes of a mapping for `size` bytes: up to an eighth more, so that a vector that
/// grows can stay, and mappings that are free fit others. `None` if there are none
/// so large.
#[inline]
pub(super) fn mapping_size(size: usize) -> Option<usize> {
    const PAGE: usize = 4096;
    let step = (size.checked_next_power_of_two()? / 16).max(PAGE);
    let rounded = size.checked_next_multiple_of(step)?;
    (rounded <= isize::MAX as usize).then_some(rounded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn the_table() {
        let sizes: Vec<_> = (0..CLASSES).map(size_of_class).collect();
        assert_eq!(sizes[..13], [8, 16, 24, 32, 40, 48, 64, 64, 80, 96, 112, 128, 160]);
        assert_eq!(sizes.last(), Some(&LARGEST));
        assert!(sizes.is_sorted());
        assert_eq!((align_of_class(2), align_of_class(8), align_of_class(43)), (8, 16, 4096));
    }

    #[test]
    fn each_size_has_the_least_class_that_holds_it() {
        assert_eq!(class_of(layout(0, 1)), Some(0));
        for size in 1..=LARGEST {
            let class = class_of(layout(size, 1)).unwrap();
            assert!(size_of_class(class) >= size, "{size}");
            let smaller = class.checked_sub(1).filter(|&class| class != PANIC);
            assert!(smaller.is_none_or(|class| size_of_class(class) < size), "{size}");
        }
        assert_eq!(class_of(layout(LARGEST + 1, 1)), None);
        assert_eq!(class_of(layout(1, 2 * LARGEST_ALIGN)), None);
    }

    #[test]
    fn no_more_than_a_fifth_is_lost() {
        for size in 33..=LARGEST {
            let block = size_of_class(class_of(layout(size, 8)).unwrap());
            // But for the first bytes of the class of panics: a quarter.
            let part = if (49..52).contains(&size) { 4 } else { 5 };
            assert!((block - size) * part < block, "{size} in {block}");
        }
    }

    #[test]
    fn a_panics_exception_is_aligned_as_every_unwinder_wants() {
        let class = class_of(layout(56, 8)).unwrap();
        assert_eq!((class, size_of_class(class), align_of_class(class)), (PANIC, 64, 64));
    }

    #[test]
    fn each_alignment_is_kept() {
        for align in (0..=12).map(|log2| 1_usize << log2) {
            for size in 0..=LARGEST {
                let class = class_of(layout(size, align)).unwrap();
                assert!(size_of_class(class) >= size && align_of_class(class) >= align);
            }
        }
    }

    proptest! {
        #[test]
        fn mappings_hold_what_they_are_for(size in LARGEST..=isize::MAX as usize / 2) {
            let mapping = mapping_size(size).unwrap();
            prop_assert!(mapping >= size && mapping.is_multiple_of(4096));
            prop_assert!((mapping - size) * 7 <= size);
        }
    }

    #[test]
    fn mappings_grow_by_a_sixteenth_of_the_next_power_of_two() {
        let kib = |kib: usize| mapping_size((kib << 10) + 1).map(|size| size >> 10);
        assert_eq!((kib(32), kib(100), kib(1024)), (Some(36), Some(104), Some(1024 + 128)));
    }

    #[test]
    fn magazines_hold_what_sheaves_do() {
        let of = |size| magazine_of_class(class_of(layout(size, 1)).unwrap());
        // The largest of its class, and one byte more.
        assert_eq!([224, 225].map(of), [60, 28]);
        assert_eq!([896, 897].map(of), [28, 12]);
        assert_eq!([3584, 3585, LARGEST].map(of), [12, 4, 4]);
    }

    #[test]
    fn what_no_address_space_holds_is_refused() {
        assert_eq!(mapping_size(usize::MAX), None);
        assert_eq!(mapping_size(isize::MAX as usize + 1), None);
    }
}
