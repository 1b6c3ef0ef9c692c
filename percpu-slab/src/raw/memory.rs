//! Memory of spans and segments: asked of the system, advised on, given back.
//!
//! On Linux it is anonymous mappings, backed by pages as they are touched;
//! elsewhere, under Miri and under loom it is `System`'s. Nothing here uses the
//! program's global allocator, which may stand on this.
//!
//! # Safety
//!
//! Maps, advises on, names and unmaps ranges that the caller owns.

#![allow(unsafe_code)]

#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
pub(crate) use imp::map_aligned;
pub(crate) use imp::{DISCARDS, bind, discard, map, unmap};

/// Names mappings in the process's memory map.
#[cfg(all(target_os = "linux", not(any(miri, percpu_loom))))]
const NAME: &core::ffi::CStr = c"percpu-slab";

#[cfg(all(target_os = "linux", not(any(miri, percpu_loom))))]
mod imp {
    use core::ptr;

    /// Whether [`discard`] gives anything back.
    pub(crate) const DISCARDS: bool = true;

    /// Bytes of the system's pages.
    fn page() -> usize {
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(page).ok().filter(|page| page.is_power_of_two()).unwrap_or(4096)
    }

    /// Maps `bytes` of zeroed memory at a multiple of `align`, without a promise that the
    /// system has it; `None` if it refuses.
    pub(crate) fn map(bytes: usize, align: usize) -> Option<usize> {
        let base = map_aligned(bytes, align, libc::MAP_NORESERVE)?;
        // SAFETY: names the range just mapped; the name is a C string. Refusal is fine.
        unsafe {
            libc::prctl(
                libc::PR_SET_VMA,
                libc::PR_SET_VMA_ANON_NAME,
                base,
                bytes.next_multiple_of(page()),
                super::NAME.as_ptr(),
            )
        };
        Some(base)
    }

    /// Maps whole pages of zeroed memory at a multiple of `align`, a power of two, with
    /// more flags; `None` if the system refuses.
    pub(crate) fn map_aligned(bytes: usize, align: usize, flags: libc::c_int) -> Option<usize> {
        let page = page();
        let bytes = bytes.checked_next_multiple_of(page)?;
        // Mappings begin at pages. For more than that, as much again, so that a multiple
        // is inside; what lies around is trimmed.
        let mapped = bytes.checked_add(if align > page { align } else { 0 })?;
        // SAFETY: a fresh anonymous mapping at an address the kernel chooses.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return None;
        }
        let start = start.expose_provenance();
        let base = start.next_multiple_of(align);
        trim(start, base - start);
        trim(base + bytes, start + mapped - (base + bytes));
        Some(base)
    }

    fn trim(from: usize, bytes: usize) {
        if bytes > 0 {
            // SAFETY: a whole-page part of the mapping that was just made, outside of
            // what it keeps.
            unsafe { libc::munmap(ptr::with_exposed_provenance_mut(from), bytes) };
        }
    }

    /// Gives a mapping back.
    ///
    /// # Safety
    /// It was mapped by [`map`] with the same arguments, and nobody uses it any more.
    pub(crate) unsafe fn unmap(base: usize, bytes: usize, _align: usize) {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(base), bytes) };
    }

    /// Gives the backing of whole system pages in the range back: they read as zero
    /// afterwards. What is less than a page at either end stays.
    ///
    /// # Safety
    /// The range is mapped, and nobody relies on what is in it.
    pub(crate) unsafe fn discard(from: usize, bytes: usize) {
        let page = page();
        let start = from.next_multiple_of(page);
        let end = (from + bytes) / page * page;
        if start < end {
            let start_of = ptr::with_exposed_provenance_mut(start);
            // SAFETY: the caller's promise, and the range is inside of what was given.
            unsafe { libc::madvise(start_of, end - start, libc::MADV_DONTNEED) };
        }
    }

    /// Has the range backed on `node` by preference, if the system has nodes.
    pub(crate) fn bind(base: usize, bytes: usize, node: usize) {
        const MPOL_PREFERRED: libc::c_int = 1;
        const NODES: usize = 1024;
        const BITS: usize = libc::c_ulong::BITS as usize;
        let mut mask: [libc::c_ulong; NODES / BITS] = [0; NODES / BITS];
        if let Some(word) = mask.get_mut(node / BITS) {
            *word |= 1 << (node % BITS);
            let start: *mut u8 = ptr::with_exposed_provenance_mut(base);
            // SAFETY: a policy for pages that the caller owns; contents do not change.
            // The mask is a local of `NODES` bits; the kernel reads one bit less than it
            // is told. Refusal leaves them where they are first touched.
            unsafe {
                libc::syscall(
                    libc::SYS_mbind,
                    start,
                    bytes,
                    MPOL_PREFERRED,
                    mask.as_ptr(),
                    NODES + 1,
                    0,
                )
            };
        }
    }
}

#[cfg(not(all(target_os = "linux", not(any(miri, percpu_loom)))))]
mod imp {
    use std::alloc::{GlobalAlloc, Layout, System};

    /// Whether [`discard`] gives anything back.
    pub(crate) const DISCARDS: bool = false;

    /// `bytes` of zeroed memory at a multiple of `align`; `None` if there is none.
    pub(crate) fn map(bytes: usize, align: usize) -> Option<usize> {
        let layout = Layout::from_size_align(bytes, align).ok().filter(|l| l.size() > 0)?;
        // SAFETY: `layout` has a size that is not zero.
        let start = unsafe { System.alloc_zeroed(layout) };
        #[cfg(miri)]
        percpu_core::__raw::roots::keep(start);
        (!start.is_null()).then(|| start.expose_provenance())
    }

    /// Gives it back.
    ///
    /// # Safety
    /// It came from [`map`] with the same arguments, and nobody uses it any more.
    pub(crate) unsafe fn unmap(base: usize, bytes: usize, align: usize) {
        if let Ok(layout) = Layout::from_size_align(bytes, align) {
            let start = core::ptr::with_exposed_provenance_mut(base);
            #[cfg(miri)]
            percpu_core::__raw::roots::forget(base);
            // SAFETY: the caller's promise; `map` used this layout.
            unsafe { System.dealloc(start, layout) };
        }
    }

    /// There is no backing to give back.
    ///
    /// # Safety
    /// As on Linux.
    pub(crate) unsafe fn discard(_: usize, _: usize) {}

    /// There is one place only.
    pub(crate) fn bind(_: usize, _: usize, _: usize) {}
}
