//! [`PerCpuAlloc`]: a global allocator on magazines and slabs.
//!
//! # Safety
//!
//! Passes each request on to the backend as it came.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::fmt;

use super::backend::Backend;
use super::stats::AllocStats;
use crate::error::Error;

/// A global allocator that keeps free blocks on every CPU: the kernel's `kmalloc`.
///
/// ```
/// use percpu_slab::PerCpuAlloc;
///
/// #[global_allocator]
/// static ALLOC: PerCpuAlloc = PerCpuAlloc::new();
///
/// fn main() -> Result<(), percpu_slab::Error> {
///     ALLOC.init()?;
///     let words: Vec<String> = "slab, page, object".split(", ").map(str::to_owned).collect();
///     assert_eq!(words.concat(), "slabpageobject");
///     println!("{}", ALLOC.stats());
///     Ok(())
/// }
/// ```
///
/// Memory is kept by CPU, not by thread: threads that come and go leave nothing behind,
/// and what one thread frees another one allocates. Blocks up to 32 KiB are of 44 sizes,
/// four to each doubling, at multiples of up to 4 KiB; what is larger, or more aligned, is a
/// mapping of its own, of which a few that are free are kept (16 MiB, at most).
///
/// # Before `init`
///
/// It serves from the program's first allocation on, before `main`. Until
/// [`init`](Self::init) each allocation takes a lock of its size class; blocks of that
/// time may be freed at any time.
///
/// Where the C library does not register threads for restartable sequences (musl, glibc
/// before 2.35), a thread that has done no other per-CPU operation yet shares one set of
/// magazines with all such threads; [`Unit::current`](percpu_core::Unit::current) is
/// such an operation.
///
/// # Memory that runs out
///
/// Every method of [`GlobalAlloc`] answers null then; none panics.
///
/// # Forks, signals
///
/// A forked child may allocate at once, whatever its parent's threads were doing. As with
/// any allocator of a program, signal handlers may not allocate; they may interrupt it
/// anywhere.
///
/// # Where there is no mmap
///
/// On anything but 64-bit Linux, and under Miri, this is [`std::alloc::System`].
///
/// # Performance
///
/// With magazines a load, two or three instructions to find the class and a this-CPU pop
/// or push, no lock prefix. A magazine of up to 60 blocks goes at a time where a
/// CPU runs empty or full. Zeroed and reallocated blocks: `alloc_zeroed` does not write to
/// fresh mappings, `realloc` stays within a class and moves mappings without copying.
#[doc(alias = "kmalloc")]
#[doc(alias = "kfree")]
#[doc(alias = "kzalloc")]
#[doc(alias = "krealloc")]
pub struct PerCpuAlloc {
    backend: Backend,
}

impl PerCpuAlloc {
    /// For a static. What it allocates is never given back as a whole: a value that is
    /// dropped leaks what it has.
    pub const fn new() -> Self {
        Self { backend: Backend::new() }
    }

    /// Sets per-CPU memory and the magazines up. Call it at the start of `main`, after
    /// [`percpu_core::config()`] if that is called.
    ///
    /// It is not done by itself: that takes locks which whoever allocates may hold, and
    /// before `main` the program's configuration would come too late. A
    /// second call does nothing.
    ///
    /// # Errors
    /// As [`percpu_core::init`], and [`Error::PerCpu`] without memory for the magazines.
    /// The allocator goes on without them, and a later call tries again.
    pub fn init(&self) -> Result<(), Error> {
        self.backend.init()
    }

    /// What is in hand, class by class. Allocates.
    ///
    /// Nothing is known where this is [`System`](std::alloc::System).
    pub fn stats(&self) -> AllocStats {
        self.backend.stats()
    }

    /// Gives memory that no block is in back to the system: empties magazines and
    /// depots, then slabs. Returns how many bytes went.
    ///
    /// Where the system refuses [fences](percpu_core::fence), what lies in magazines
    /// stays there.
    ///
    /// # Performance
    /// A fence for each class and CPU; the CPUs go on meanwhile.
    #[doc(alias = "kmem_cache_shrink")]
    pub fn shrink(&self) -> usize {
        self.backend.shrink()
    }
}

// SAFETY: the backend keeps the contract, and nothing here unwinds.
unsafe impl GlobalAlloc for PerCpuAlloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { self.backend.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { self.backend.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { self.backend.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { self.backend.realloc(block, layout, new_size) }
    }
}

impl Default for PerCpuAlloc {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PerCpuAlloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PerCpuAlloc").field(&self.stats()).finish()
    }
}

impl fmt::Display for PerCpuAlloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}
