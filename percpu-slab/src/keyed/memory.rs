//! Zeroed memory for segments, whose parts may be given back without its addresses.
//!
//! On Linux it is mapped, and backed by the system's pages as they are touched;
//! elsewhere it comes from the heap, and nothing is given back before the end.
//!
//! # Safety
//!
//! Maps, unmaps and discards what the caller says is its own.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr::NonNull;

/// Zeroed memory, if the system has any. Not for nothing at all.
pub(super) fn map(layout: Layout) -> Option<NonNull<u8>> {
    body::map(layout)
}

/// Gives memory back.
///
/// # Safety
/// It is from `map` of the same layout, and nobody uses it any more.
pub(super) unsafe fn unmap(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: the caller's promise.
    unsafe { body::unmap(memory, layout) }
}

/// Has the whole pages of the system among these bytes read as zero, and backed by
/// nothing; as far as the system does that.
///
/// # Safety
/// The bytes are of memory from `map`, and valid as zeros; what is there now is nobody's.
pub(super) unsafe fn discard(start: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { body::discard(start, len) }
}

/// Whether memory is given back at all.
pub(super) use body::DISCARDS;

#[cfg(all(target_os = "linux", not(miri), not(percpu_loom)))]
mod body {
    use core::alloc::Layout;
    use core::ptr::{self, NonNull};

    pub(in super::super) const DISCARDS: bool = true;
    use std::sync::OnceLock;

    fn page() -> usize {
        static PAGE: OnceLock<usize> = OnceLock::new();
        *PAGE.get_or_init(|| {
            // SAFETY: asks for a number.
            let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            usize::try_from(page).ok().filter(|page| page.is_power_of_two()).unwrap_or(4096)
        })
    }

    pub(super) fn map(layout: Layout) -> Option<NonNull<u8>> {
        let len = layout.size().checked_next_multiple_of(page())?;
        // Mappings begin at pages; for more than that there is a piece in a larger one.
        let slack = if layout.align() > page() { layout.align() } else { 0 };
        let all = len.checked_add(slack)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, wherever there is room.
        let start = unsafe { libc::mmap(ptr::null_mut(), all, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        let start = start.cast::<u8>();
        let head = start.addr().next_multiple_of(layout.align()) - start.addr();
        let head = if slack > 0 { head } else { 0 };
        // SAFETY: `head` is at most `slack`, so this is in the mapping.
        let memory = unsafe { start.add(head) };
        unmap_pages(start, head);
        unmap_pages(memory.wrapping_add(len), slack - head);
        NonNull::new(memory)
    }

    /// Nobody has these pages, or they are none.
    fn unmap_pages(start: *mut u8, len: usize) {
        if len > 0 {
            // SAFETY: pages of a mapping that is this module's, and that nobody uses.
            unsafe { libc::munmap(start.cast(), len) };
        }
    }

    /// # Safety
    /// As above.
    pub(super) unsafe fn unmap(memory: NonNull<u8>, layout: Layout) {
        unmap_pages(memory.as_ptr(), layout.size().next_multiple_of(page()));
    }

    /// # Safety
    /// As above.
    pub(super) unsafe fn discard(start: NonNull<u8>, len: usize) {
        let skipped = start.addr().get().next_multiple_of(page()) - start.addr().get();
        let Some(rest) = len.checked_sub(skipped) else { return };
        let whole = rest - rest % page();
        if whole == 0 {
            return;
        }
        // SAFETY: still among the caller's bytes.
        let first = unsafe { start.add(skipped) };
        // SAFETY: private anonymous memory, which reads as zero afterwards; the caller's
        // promise. Refused, it stays as it is.
        unsafe { libc::madvise(first.as_ptr().cast(), whole, libc::MADV_DONTNEED) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri), not(percpu_loom))))]
mod body {
    use core::alloc::Layout;
    use core::ptr::NonNull;
    use std::alloc;

    pub(in super::super) const DISCARDS: bool = false;

    pub(super) fn map(layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: not empty.
        NonNull::new(unsafe { alloc::alloc_zeroed(layout) })
    }

    /// # Safety
    /// As above.
    pub(super) unsafe fn unmap(memory: NonNull<u8>, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { alloc::dealloc(memory.as_ptr(), layout) }
    }

    /// # Safety
    /// As above.
    pub(super) unsafe fn discard(_: NonNull<u8>, _: usize) {}
}
