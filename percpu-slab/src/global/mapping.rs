//! Mappings: the memory of blocks that are too large, or too aligned, for a class.
//!
//! # Safety
//!
//! Maps, moves and unmaps ranges that belong to whoever calls.

#![allow(unsafe_code)]

use core::ptr;

use crate::raw::memory;

/// Zeroed memory of `len` bytes, readable and writable, at a multiple of `align`;
/// null if the system refuses.
pub(super) fn map(len: usize, align: usize) -> *mut u8 {
    memory::map_aligned(len, align, 0).map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
}

/// Gives a mapping back.
///
/// # Safety
/// It is one of `map`'s, or what `remap` made of it, of `len` bytes, and nobody uses it.
pub(super) unsafe fn unmap(base: *mut u8, len: usize) {
    // SAFETY: the caller's promise. If the system cannot split its map any further the
    // memory is lost, which harms nobody.
    unsafe { libc::munmap(base.cast(), len) };
}

/// Makes a mapping longer or shorter, elsewhere if need be and it may `move_`; null, with nothing done,
/// if the system refuses. What is added is zero.
///
/// # Safety
/// As `unmap`; nobody uses the mapping at its old place after it has moved.
pub(super) unsafe fn remap(base: *mut u8, old: usize, new: usize, may_move: bool) -> *mut u8 {
    let flags = if may_move { libc::MREMAP_MAYMOVE } else { 0 };
    // SAFETY: the caller's promise.
    let moved = unsafe { libc::mremap(base.cast(), old, new, flags) };
    if moved == libc::MAP_FAILED { ptr::null_mut() } else { moved.cast() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignments_are_kept_and_no_page_is_lost() {
        for align in [1, 4096, 1 << 16, 2 << 20, 1 << 30] {
            let base = map(3 * 4096, align);
            assert!(!base.is_null() && base.addr().is_multiple_of(align), "{align}");
            // SAFETY: mapped above.
            assert_eq!(unsafe { base.wrapping_add(3 * 4096 - 1).read() }, 0);
            // SAFETY: as above, for the last time.
            unsafe { unmap(base, 3 * 4096) };
        }
    }

    #[test]
    fn contents_move_along() {
        let base = map(4096, 1);
        // SAFETY: mapped above.
        unsafe { base.write(7) };
        // SAFETY: as above; only the new place is used.
        let moved = unsafe { remap(base, 4096, 64 * 4096, true) };
        // SAFETY: mapped, and kept its contents.
        assert_eq!(unsafe { moved.read() }, 7);
        // SAFETY: what was added.
        assert_eq!(unsafe { moved.wrapping_add(63 * 4096).read() }, 0);
        // SAFETY: for the last time.
        unsafe { unmap(moved, 64 * 4096) };
    }

    #[test]
    fn what_cannot_be_had_is_null() {
        assert!(map(isize::MAX as usize, 1).is_null());
        assert!(map(usize::MAX, 1 << 20).is_null());
    }
}
