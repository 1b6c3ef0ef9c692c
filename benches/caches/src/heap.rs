//! The allocators, asked by hand: none of them is this program's own.
//!
//! # Safety
//!
//! Blocks are freed by the allocator and with the layout that they came from, once.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

pub(crate) static JEMALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
pub(crate) static MIMALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;
pub(crate) static SNMALLOC: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;

/// A block of an allocator; freed on drop, by whichever thread.
pub(crate) struct Block<A: GlobalAlloc + 'static, const SIZE: usize> {
    bytes: NonNull<u8>,
    from: &'static A,
}

// SAFETY: nobody else has the block, and allocators take blocks from any thread.
unsafe impl<A: GlobalAlloc + Sync, const SIZE: usize> Send for Block<A, SIZE> {}

impl<A: GlobalAlloc, const SIZE: usize> Block<A, SIZE> {
    const LAYOUT: Layout = match Layout::from_size_align(SIZE, 8) {
        Ok(layout) => layout,
        Err(_) => panic!("a size"),
    };

    #[inline(always)]
    pub(crate) fn new(from: &'static A) -> Self {
        const { assert!(SIZE > 0) };
        // SAFETY: not of size zero.
        let bytes = unsafe { from.alloc(Self::LAYOUT) };
        Self { bytes: NonNull::new(bytes).expect("memory"), from }
    }

    /// The first byte's place, for whoever writes it.
    #[inline(always)]
    pub(crate) fn touch(&mut self) {
        // SAFETY: the block's first byte; nobody else has it.
        unsafe { self.bytes.write_volatile(1) };
    }
}

impl<A: GlobalAlloc, const SIZE: usize> Drop for Block<A, SIZE> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: from there, with this layout, and not freed yet.
        unsafe { self.from.dealloc(self.bytes.as_ptr(), Self::LAYOUT) };
    }
}
