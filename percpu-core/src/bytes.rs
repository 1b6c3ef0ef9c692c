//! [`PerCpuBytes`]: memory on every CPU whose size is known when it is asked for.

use core::alloc::Layout;
use core::fmt;

use crate::area::request::Request;
use crate::error::Error;
use crate::process;
use crate::unit::Unit;

/// Zeroed bytes on every CPU, of a size and alignment given at run time: the
/// kernel's `__alloc_percpu`.
///
/// For data whose type is not known here. What is done with the bytes is up to
/// the caller: pointers to the copies are given out, and using them is unsafe.
/// For words there is [`PerCpuSlice`](crate::PerCpuSlice), which is safe.
///
/// ```
/// use std::alloc::Layout;
/// let bytes = percpu_core::PerCpuBytes::zeroed(Layout::from_size_align(100, 64)?)?;
/// for unit in percpu_core::Unit::all()? {
///     assert!(bytes.as_ptr(unit).addr().is_multiple_of(64));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "__alloc_percpu")]
#[doc(alias = "__alloc_percpu_gfp")]
pub struct PerCpuBytes {
    /// INVARIANT: of an area of `layout` that this value owns.
    pointer: usize,
    layout: Layout,
}

impl PerCpuBytes {
    /// Allocates `layout.size()` bytes at a multiple of `layout.align()` in every
    /// unit.
    ///
    /// # Errors
    /// As [`PerCpu::zeroed`](crate::PerCpu::zeroed): 1 to 32,768 bytes (more by
    /// `Config::minimum_unit`), alignments up to a page.
    pub fn zeroed(layout: Layout) -> Result<Self, Error> {
        let request = Request::dynamic(layout.size(), layout.align());
        Ok(Self { pointer: process::alloc_zeroed(request)?, layout })
    }

    /// The first byte of a unit's copy, good for as long as `self` is. The unit
    /// becomes active.
    ///
    /// Who writes through it keeps others from doing so, or uses atomics.
    #[doc(alias = "per_cpu_ptr")]
    pub fn as_ptr(&self, unit: Unit) -> *mut u8 {
        let base = process::get_or_panic().units.activate(unit.index());
        core::ptr::with_exposed_provenance_mut(base.wrapping_add(self.pointer))
    }

    /// The first byte of the copy of the CPU that this thread ran on a moment
    /// ago.
    #[doc(alias = "this_cpu_ptr")]
    #[doc(alias = "raw_cpu_ptr")]
    pub fn hint(&self) -> *mut u8 {
        let unit = process::current_unit(process::get_or_panic());
        self.as_ptr(Unit::new(unit))
    }

    /// What was asked for.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn pointer(&self) -> usize {
        self.pointer
    }
}

impl Drop for PerCpuBytes {
    fn drop(&mut self) {
        process::give_back(self.pointer, self.layout.size());
    }
}

impl fmt::Debug for PerCpuBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpuBytes").field("layout", &self.layout).finish_non_exhaustive()
    }
}
