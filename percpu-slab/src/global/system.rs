//! [`Backend`] where there is no mmap: the system's allocator.
//!
//! # Safety
//!
//! Passes each request on to `System` as it came.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

use super::stats::AllocStats;
use crate::error::Error;

pub(super) struct Backend;

impl Backend {
    pub(super) const fn new() -> Self {
        Self
    }

    pub(super) fn init(&self) -> Result<(), Error> {
        percpu_core::init().map_err(Error::from)
    }

    pub(super) fn stats(&self) -> AllocStats {
        AllocStats::default()
    }

    pub(super) fn shrink(&self) -> usize {
        0
    }

    /// # Safety
    /// As `GlobalAlloc::alloc`.
    pub(super) unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    /// As `GlobalAlloc::dealloc`.
    pub(super) unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(block, layout) }
    }

    /// # Safety
    /// As `GlobalAlloc::alloc_zeroed`.
    pub(super) unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    /// # Safety
    /// As `GlobalAlloc::realloc`.
    pub(super) unsafe fn realloc(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        // SAFETY: passed on.
        unsafe { System.realloc(block, layout, new) }
    }
}
