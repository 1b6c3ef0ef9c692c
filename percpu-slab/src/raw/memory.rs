//! Memory of spans: asked of the system, advised on, given back.
//!
//! On Linux spans are anonymous mappings, backed by pages as they are touched;
//! elsewhere, under Miri and under loom they are `System`'s. Nothing here uses the
//! program's global allocator, which may stand on this.
//!
//! # Safety
//!
//! Maps, advises on, names and unmaps ranges that the caller owns.

#![allow(unsafe_code)]

pub(super) use imp::{bind, discard, map, unmap};

/// Names mappings in the process's memory map.
#[cfg(all(target_os = "linux", not(any(miri, percpu_loom))))]
const NAME: &core::ffi::CStr = c"percpu-slab";

#[cfg(all(target_os = "linux", not(any(miri, percpu_loom))))]
mod imp {
    use core::ptr;

    /// Maps `bytes` of zeroed memory at a multiple of `align`; `None` if the system
    /// refuses. Whole pages.
    pub(in super::super) fn map(bytes: usize, align: usize) -> Option<usize> {
        // As much again, so that a multiple is inside; what lies around is trimmed.
        let mapped = bytes.checked_add(align)?;
        // SAFETY: a fresh anonymous mapping at an address the kernel chooses.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
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
        // SAFETY: names the range just mapped; the name is a C string. Refusal is fine.
        unsafe {
            libc::prctl(
                libc::PR_SET_VMA,
                libc::PR_SET_VMA_ANON_NAME,
                base,
                bytes,
                super::NAME.as_ptr(),
            )
        };
        Some(base)
    }

    fn trim(from: usize, bytes: usize) {
        if bytes > 0 {
            // SAFETY: a whole-page part of the mapping that `map` just made, outside of
            // what it keeps.
            unsafe { libc::munmap(ptr::with_exposed_provenance_mut(from), bytes) };
        }
    }

    /// Gives a mapping back.
    ///
    /// # Safety
    /// It was mapped by [`map`] with the same arguments, and nobody uses it any more.
    pub(in super::super) unsafe fn unmap(base: usize, bytes: usize, _align: usize) {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(base), bytes) };
    }

    /// Gives the backing of whole system pages in the range back: they read as zero
    /// afterwards. What is less than a page at either end stays.
    ///
    /// # Safety
    /// The range is mapped, and nobody relies on what is in it.
    pub(in super::super) unsafe fn discard(from: usize, bytes: usize) {
        // SAFETY: asks for a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let start = from.next_multiple_of(page);
        let end = (from + bytes) / page * page;
        if start < end {
            let start_of = ptr::with_exposed_provenance_mut(start);
            // SAFETY: the caller's promise, and the range is inside of what was given.
            unsafe { libc::madvise(start_of, end - start, libc::MADV_DONTNEED) };
        }
    }

    /// Has the range backed on `node` by preference, if the system has nodes.
    pub(in super::super) fn bind(base: usize, bytes: usize, node: usize) {
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

    /// `bytes` of zeroed memory at a multiple of `align`; `None` if there is none.
    pub(in super::super) fn map(bytes: usize, align: usize) -> Option<usize> {
        let layout = Layout::from_size_align(bytes, align).ok().filter(|l| l.size() > 0)?;
        // SAFETY: `layout` has a size that is not zero.
        let start = unsafe { System.alloc_zeroed(layout) };
        (!start.is_null()).then(|| start.expose_provenance())
    }

    /// Gives it back.
    ///
    /// # Safety
    /// It came from [`map`] with the same arguments, and nobody uses it any more.
    pub(in super::super) unsafe fn unmap(base: usize, bytes: usize, align: usize) {
        if let Ok(layout) = Layout::from_size_align(bytes, align) {
            let start = core::ptr::with_exposed_provenance_mut(base);
            // SAFETY: the caller's promise; `map` used this layout.
            unsafe { System.dealloc(start, layout) };
        }
    }

    /// There is no backing to give back.
    ///
    /// # Safety
    /// As on Linux.
    pub(in super::super) unsafe fn discard(_: usize, _: usize) {}

    /// There is one place only.
    pub(in super::super) fn bind(_: usize, _: usize, _: usize) {}
}
