//! [`Reservation`]: a span of address space, zero until written.
//!
//! On Linux an anonymous mapping, backed by pages as they are touched; the
//! heap elsewhere and under Miri. Either way its address is exposed: all
//! access to copies is by computed address, and this is what it derives from.
//!
//! # Safety
//!
//! Maps, opens, names and unmaps ranges that one [`Reservation`] owns.

#![allow(unsafe_code)]

use crate::error::Error;

/// Bytes of a page.
pub(crate) fn page_size() -> usize {
    #[cfg(percpu_linux)]
    {
        // SAFETY: asks for a number; no memory is involved.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
    }
    #[cfg(not(percpu_linux))]
    {
        4096
    }
}

/// A span of zeroed, readable and writable memory, given back on drop.
///
/// INVARIANT: `base..base + len` is mapped, and owned by this value.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: usize,
    len: usize,
    #[cfg(not(percpu_linux))]
    align: usize,
}

impl Reservation {
    /// A span of `len` bytes, a multiple of the page size, at a multiple of
    /// `align`, a power of two of at least a page. `name` shows in the
    /// process's memory map where the kernel offers that.
    #[cfg(percpu_linux)]
    pub(crate) fn new(len: usize, align: usize, name: &core::ffi::CStr) -> Result<Self, Error> {
        use core::ptr;
        use libc::{MADV_NOHUGEPAGE, MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE};
        use libc::{PROT_NONE, PROT_READ, PROT_WRITE};

        // Over-map by the alignment less the page that mmap grants, then trim.
        let slack = align.saturating_sub(page_size());
        let refused = |errno| Error::OutOfMemory { bytes: len, errno };
        let mapped = len.checked_add(slack).ok_or(refused(libc::ENOMEM))?;
        // SAFETY: a fresh anonymous mapping at an address the kernel chooses.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                mapped,
                PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == MAP_FAILED {
            return Err(refused(super::errno::errno()));
        }
        let start = start.expose_provenance();
        let base = start.next_multiple_of(align);
        let trim = |from: usize, bytes: usize| {
            if bytes > 0 {
                // SAFETY: a whole-page part of the mapping just made, outside
                // of what is kept. It cannot fail for a mapping of ours.
                unsafe { libc::munmap(ptr::with_exposed_provenance_mut(from), bytes) };
            }
        };
        trim(start, base - start);
        trim(base + len, start + mapped - (base + len));
        let reservation = Self { base, len };

        // SAFETY: exactly the pages of this reservation, which nobody else knows.
        let opened = unsafe {
            libc::mprotect(ptr::with_exposed_provenance_mut(base), len, PROT_READ | PROT_WRITE)
        };
        if opened != 0 {
            return Err(refused(super::errno::errno()));
        }
        // Copies are backed by the CPU that first touches them, page by page: a
        // huge page would place several CPUs' copies at once. Refusal is fine.
        // SAFETY: advice on this reservation's pages; contents do not change.
        unsafe { libc::madvise(ptr::with_exposed_provenance_mut(base), len, MADV_NOHUGEPAGE) };
        // SAFETY: names the range for /proc/self/maps; the name is a C string.
        unsafe {
            libc::prctl(libc::PR_SET_VMA, libc::PR_SET_VMA_ANON_NAME, base, len, name.as_ptr())
        };
        Ok(reservation)
    }

    /// As above, on the heap.
    #[cfg(not(percpu_linux))]
    pub(crate) fn new(len: usize, align: usize, _: &core::ffi::CStr) -> Result<Self, Error> {
        let refused = Error::OutOfMemory { bytes: len, errno: 12 };
        if len == 0 {
            return Err(refused);
        }
        let Ok(layout) = std::alloc::Layout::from_size_align(len, align) else {
            return Err(refused);
        };
        // SAFETY: `layout` has a size that is not zero.
        let start = unsafe { std::alloc::alloc_zeroed(layout) };
        if start.is_null() {
            return Err(refused);
        }
        Ok(Self { base: start.expose_provenance(), len, align })
    }

    /// First address.
    pub(crate) fn base(&self) -> usize {
        self.base
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        #[cfg(percpu_linux)]
        // SAFETY: the invariant; whoever held addresses in it has let go, as
        // the owner of the reservation outlives its users.
        unsafe {
            libc::munmap(core::ptr::with_exposed_provenance_mut(self.base), self.len)
        };
        #[cfg(not(percpu_linux))]
        if let Ok(layout) = std::alloc::Layout::from_size_align(self.len, self.align) {
            // SAFETY: allocated in `new` with this layout.
            unsafe {
                std::alloc::dealloc(core::ptr::with_exposed_provenance_mut(self.base), layout)
            };
        }
    }
}
