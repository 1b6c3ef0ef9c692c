//! [`System`] and [`Span`]: the memory the allocator asks of the system.
//!
//! On Linux spans are anonymous mappings, backed by pages as they are touched;
//! elsewhere and under Miri they are on the heap. Either way their addresses
//! are exposed: all access to copies is by computed address, and this is what it
//! derives from. `pretend.rs` is another system: any machine, failing on demand.
//!
//! # Safety
//!
//! Maps, advises on, names and unmaps ranges that one [`Mapping`] owns.

#![allow(unsafe_code)]

use core::ffi::CStr;
use core::fmt;
use core::ops::Range;

use super::topology::NodeId;

/// ENOMEM, on every system there is.
pub(crate) const NO_MEMORY: i32 = 12;

/// What gives out address space. Failed calls answer the error number.
pub(crate) trait System: fmt::Debug + Send + Sync {
    type Span: Span;

    /// Bytes of a page.
    fn page_size(&self) -> usize;

    /// Bytes of address space that this process may have.
    fn address_space(&self) -> usize;

    /// A span of zeroed, readable and writable memory, not backed yet.
    fn reserve(&self, wanted: Wanted) -> Result<Self::Span, i32>;
}

/// What a span should be.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(percpu_linux), allow(dead_code, reason = "the heap has nothing of it"))]
pub(crate) struct Wanted {
    /// Bytes, whole pages.
    pub(crate) len: usize,
    /// Of the first byte: a power of two, at least a page.
    pub(crate) align: usize,
    /// Shows in the process's memory map where the kernel offers that.
    pub(crate) name: &'static CStr,
    /// Backed by huge pages if the system can, else by none.
    pub(crate) huge: bool,
    /// Whether it belongs into core dumps.
    pub(crate) dump: bool,
}

/// A span of memory, given back on drop. Ranges are bytes from its start, whole
/// pages. Whoever hands out its memory sees to it that nobody looks at what is
/// discarded or dropped.
pub(crate) trait Span: fmt::Debug + Send + Sync {
    /// First address.
    fn base(&self) -> usize;

    /// Backs the range now, of which nobody uses anything: what it holds may become zero.
    fn populate(&self, range: Range<usize>) -> Result<(), i32>;

    /// Gives the backing of the range back: it reads as zero afterwards.
    fn discard(&self, range: Range<usize>) -> Result<(), i32>;

    /// Has the range backed on `node` by preference.
    fn bind(&self, range: Range<usize>, node: NodeId) -> Result<(), i32>;
}

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Machine;

/// A span of this machine.
///
/// INVARIANT: `base..base + len` is mapped, and owned by this value.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: usize,
    len: usize,
    #[cfg(not(percpu_linux))]
    align: usize,
}

impl Mapping {
    /// The first address of a range of this mapping.
    ///
    /// # Panics
    /// If the range is not inside.
    fn start(&self, range: &Range<usize>) -> *mut core::ffi::c_void {
        assert!(range.start <= range.end && range.end <= self.len, "a part of the mapping");
        core::ptr::with_exposed_provenance_mut(self.base + range.start)
    }
}

#[cfg(percpu_linux)]
mod real {
    use core::ops::Range;
    use core::ptr;

    use libc::{MADV_DONTDUMP, MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE};
    use libc::{MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE};
    use libc::{PROT_NONE, PROT_READ, PROT_WRITE};

    use super::{Machine, Mapping, NodeId, Span, System, Wanted};
    use crate::sys::errno::errno;

    /// Linux 5.14; not in every libc's headers.
    const MADV_POPULATE_WRITE: libc::c_int = 23;
    const MPOL_PREFERRED: libc::c_int = 1;
    /// Bits of the mask that mbind is given.
    const NODES: usize = 1024;

    fn checked(result: libc::c_int) -> Result<(), i32> {
        if result == 0 { Ok(()) } else { Err(errno()) }
    }

    impl System for Machine {
        type Span = Mapping;

        fn page_size(&self) -> usize {
            // SAFETY: asks for a number; no memory is involved.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            usize::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
        }

        fn address_space(&self) -> usize {
            let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: 0 };
            // SAFETY: fills the local.
            unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
            // Half of a 48-bit space is the process's, or three quarters of 32 bits.
            let most = (usize::MAX >> 17).max(3 << 30);
            usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX).min(most)
        }

        fn reserve(&self, wanted: Wanted) -> Result<Mapping, i32> {
            let Wanted { len, align, name, huge, dump } = wanted;
            // Over-map by the alignment less the page that mmap grants, then trim.
            let slack = align.saturating_sub(self.page_size());
            let mapped = len.checked_add(slack).ok_or(libc::ENOMEM)?;
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
                return Err(errno());
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
            let mapping = Mapping { base, len };
            let all = mapping.start(&(0..len));

            // SAFETY: exactly the pages of this mapping, which nobody else knows.
            checked(unsafe { libc::mprotect(all, len, PROT_READ | PROT_WRITE) })?;
            // Unless asked for, no huge pages: copies are backed by the CPU that
            // first touches them, and a huge page would place several CPUs' copies
            // at once. This and the rest is advice: refusal is fine.
            let advice = if huge { MADV_HUGEPAGE } else { MADV_NOHUGEPAGE };
            // SAFETY: advice on this mapping's pages; contents do not change.
            unsafe { libc::madvise(all, len, advice) };
            if !dump {
                // SAFETY: as above.
                unsafe { libc::madvise(all, len, MADV_DONTDUMP) };
            }
            // SAFETY: names the range for /proc/self/maps; the name is a C string.
            unsafe {
                libc::prctl(libc::PR_SET_VMA, libc::PR_SET_VMA_ANON_NAME, base, len, name.as_ptr())
            };
            Ok(mapping)
        }
    }

    impl Span for Mapping {
        fn base(&self) -> usize {
            self.base
        }

        fn populate(&self, range: Range<usize>) -> Result<(), i32> {
            let start = self.start(&range);
            // SAFETY: pages of this mapping; contents do not change.
            match checked(unsafe { libc::madvise(start, range.len(), MADV_POPULATE_WRITE) }) {
                // Older than Linux 5.14, or filtered: write to each page. Memory that
                // is missing then is no error but a signal, as everywhere. Not read
                // before: that gets the huge page of zeros where huge pages are wanted,
                // in whose place Linux from 5.8 puts small ones.
                Err(libc::EINVAL | libc::ENOSYS | libc::EPERM) => {
                    for at in range.step_by(Machine.page_size()) {
                        let byte = self.start(&(at..at)).cast::<u8>();
                        // SAFETY: a byte of this mapping; nobody uses pages that are
                        // being populated (`Span`).
                        unsafe { byte.write_volatile(0) };
                    }
                    Ok(())
                }
                result => result,
            }
        }

        fn discard(&self, range: Range<usize>) -> Result<(), i32> {
            let start = self.start(&range);
            // SAFETY: pages of this mapping, which nobody looks at (`Span`).
            checked(unsafe { libc::madvise(start, range.len(), MADV_DONTNEED) })
        }

        fn bind(&self, range: Range<usize>, node: NodeId) -> Result<(), i32> {
            const BITS: usize = libc::c_ulong::BITS as usize;
            let node = node.get() as usize;
            let mut mask = [0 as libc::c_ulong; NODES / BITS];
            *mask.get_mut(node / BITS).ok_or(libc::EINVAL)? |= 1 << (node % BITS);
            let start = self.start(&range);
            // SAFETY: a policy for pages of this mapping, which are not backed
            // yet; the mask is a local of `NODES` bits.
            let result = unsafe {
                libc::syscall(
                    libc::SYS_mbind,
                    start,
                    range.len(),
                    MPOL_PREFERRED,
                    mask.as_ptr(),
                    // The kernel reads one bit less than it is told.
                    NODES + 1,
                    0,
                )
            };
            checked(result as libc::c_int)
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            let all = self.start(&(0..self.len));
            // SAFETY: the invariant; whoever held addresses in it has let go, as
            // the owner of the mapping outlives its users.
            unsafe { libc::munmap(all, self.len) };
        }
    }
}

#[cfg(not(percpu_linux))]
mod heap {
    use core::ops::Range;
    use std::alloc::Layout;

    use super::{Machine, Mapping, NO_MEMORY, NodeId, Span, System, Wanted};

    impl System for Machine {
        type Span = Mapping;

        fn page_size(&self) -> usize {
            4096
        }

        fn address_space(&self) -> usize {
            usize::MAX / 2
        }

        fn reserve(&self, wanted: Wanted) -> Result<Mapping, i32> {
            let layout = Layout::from_size_align(wanted.len, wanted.align);
            let layout = layout.ok().filter(|layout| layout.size() > 0).ok_or(NO_MEMORY)?;
            // SAFETY: `layout` has a size that is not zero.
            let start = unsafe { std::alloc::alloc_zeroed(layout) };
            if start.is_null() {
                return Err(NO_MEMORY);
            }
            #[cfg(miri)]
            crate::sys::roots::keep(start);
            Ok(Mapping { base: start.expose_provenance(), len: wanted.len, align: wanted.align })
        }
    }

    impl Span for Mapping {
        fn base(&self) -> usize {
            self.base
        }

        /// The heap gave it all.
        fn populate(&self, _: Range<usize>) -> Result<(), i32> {
            Ok(())
        }

        fn discard(&self, range: Range<usize>) -> Result<(), i32> {
            let start = self.start(&range).cast::<u8>();
            // SAFETY: a range of this mapping, which nobody looks at (`Span`).
            unsafe { start.write_bytes(0, range.len()) };
            Ok(())
        }

        /// There is one place only.
        fn bind(&self, _: Range<usize>, _: NodeId) -> Result<(), i32> {
            Ok(())
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            let all = self.start(&(0..self.len)).cast::<u8>();
            #[cfg(miri)]
            crate::sys::roots::forget(self.base);
            if let Ok(layout) = Layout::from_size_align(self.len, self.align) {
                // SAFETY: allocated in `reserve` with this layout.
                unsafe { std::alloc::dealloc(all, layout) };
            }
        }
    }
}
