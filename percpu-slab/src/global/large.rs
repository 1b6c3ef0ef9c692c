//! [`Large`]: blocks that are mappings of their own, and a few that are free.
//!
//! # Safety
//!
//! Blocks are ranges that `mapping.rs` made; those in the cache are nobody's.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicUsize, Ordering};

use percpu_core::__raw::{Mutex, MutexGuard};

use super::classes::mapping_size;
use super::mapping::{map, remap, unmap};

/// Mappings that are kept.
const SLOTS: usize = 64;
/// The largest that is kept.
const MOST_OF_ONE: usize = 4 << 20;
/// Bytes of all that are kept.
const MOST_OF_ALL: usize = 16 << 20;
/// Up to here zeroing what was used is cheaper than fresh pages.
const CHEAP_TO_ZERO: usize = 256 << 10;
/// Mappings begin at multiples of this, whatever the page.
const PAGE: usize = 4096;

#[derive(Debug)]
pub(super) struct Large {
    free: Mutex<Free>,
    /// Blocks that are allocated.
    count: AtomicUsize,
    /// Bytes of their mappings.
    bytes: AtomicUsize,
}

/// Mappings that are free, the oldest first.
///
/// INVARIANT: `slots[..len]` are base and length of mappings that nobody else knows, with
/// their addresses exposed.
#[derive(Debug)]
pub(super) struct Free {
    slots: [(usize, usize); SLOTS],
    len: usize,
    bytes: usize,
}

impl Free {
    /// Takes a mapping of just this length, the youngest.
    fn take(&mut self, len: usize) -> Option<*mut u8> {
        let at = self.slots[..self.len].iter().rposition(|slot| slot.1 == len)?;
        Some(self.remove(at).0)
    }

    fn remove(&mut self, at: usize) -> (*mut u8, usize) {
        let (base, len) = self.slots[at];
        self.slots.copy_within(at + 1..self.len, at);
        self.len -= 1;
        self.bytes -= len;
        (core::ptr::with_exposed_provenance_mut(base), len)
    }

    /// Keeps a mapping if there is room; else says which one has to go first, the
    /// oldest, which is nobody's any more.
    fn put(&mut self, base: *mut u8, len: usize) -> Result<(), (*mut u8, usize)> {
        if self.len == SLOTS || self.bytes + len > MOST_OF_ALL {
            return Err(self.remove(0));
        }
        self.slots[self.len] = (base.expose_provenance(), len);
        self.len += 1;
        self.bytes += len;
        Ok(())
    }
}

impl Large {
    pub(super) const fn new() -> Self {
        let free = Free { slots: [(0, 0); SLOTS], len: 0, bytes: 0 };
        Self { free: Mutex::new(free), count: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// A block of `size` bytes at a multiple of `align`; null if the system refuses.
    pub(super) fn alloc(&self, size: usize, align: usize, zeroed: bool) -> *mut u8 {
        let Some(len) = mapping_size(size) else { return core::ptr::null_mut() };
        let may_reuse = align <= PAGE && len <= MOST_OF_ONE && (!zeroed || len <= CHEAP_TO_ZERO);
        let used = if may_reuse { self.free.lock().take(len) } else { None };
        let base = match used {
            Some(base) => {
                if zeroed {
                    // SAFETY: a mapping of `len` bytes, taken for this block.
                    unsafe { base.write_bytes(0, size) };
                }
                base
            }
            None => map(len, align),
        };
        if !base.is_null() {
            // Relaxed, as all of them: a statistic.
            self.count.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(len, Ordering::Relaxed);
        }
        base
    }

    /// # Safety
    /// `base` is a block of this value's for `size` bytes, and nobody uses it.
    pub(super) unsafe fn dealloc(&self, base: *mut u8, size: usize) {
        let Some(len) = mapping_size(size) else { return };
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(len, Ordering::Relaxed);
        if len > MOST_OF_ONE {
            // SAFETY: the caller's promise.
            unsafe { unmap(base, len) };
            return;
        }
        // One at a time, so that no system call is made with the lock held.
        loop {
            let put = self.free.lock().put(base, len);
            match put {
                Ok(()) => return,
                // SAFETY: nobody's any more.
                Err((oldest, len)) => unsafe { unmap(oldest, len) },
            }
        }
    }

    /// Makes a block larger or smaller; null, with nothing done, if that cannot be.
    ///
    /// # Safety
    /// `base` is a block of this value's for `old` bytes at a multiple of `align`; if
    /// another one is answered, nobody uses `base` any more.
    pub(super) unsafe fn realloc(
        &self,
        base: *mut u8,
        old: usize,
        new: usize,
        align: usize,
    ) -> *mut u8 {
        let (Some(old), Some(new)) = (mapping_size(old), mapping_size(new)) else {
            return core::ptr::null_mut();
        };
        if old == new {
            return base;
        }
        // SAFETY: the caller's promise; where it may move to is a page's multiple.
        let moved = unsafe { remap(base, old, new, align <= PAGE) };
        if !moved.is_null() {
            self.bytes.fetch_add(new.wrapping_sub(old), Ordering::Relaxed);
        }
        moved
    }

    /// Gives free mappings back to the system; how many bytes.
    pub(super) fn shrink(&self) -> usize {
        let mut bytes = 0;
        loop {
            let oldest = {
                let mut free = self.free.lock();
                if free.len == 0 {
                    return bytes;
                }
                free.remove(0)
            };
            // SAFETY: nobody's any more.
            unsafe { unmap(oldest.0, oldest.1) };
            bytes += oldest.1;
        }
    }

    /// Blocks, and bytes of their mappings.
    pub(super) fn used(&self) -> (usize, usize) {
        (self.count.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Mappings that are free, and their bytes.
    pub(super) fn free(&self) -> (usize, usize) {
        let free = self.free.lock();
        (free.len, free.bytes)
    }

    /// Holds the lock, over a fork.
    pub(super) fn hold(&self) -> MutexGuard<'_, Free> {
        self.free.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_block_is_the_next_of_its_size_and_zeroed_if_asked() {
        let large = Large::new();
        let first = large.alloc(100_000, 8, false);
        // SAFETY: a block of that many bytes.
        unsafe { first.write_bytes(0xFF, 100_000) };
        // SAFETY: for the last time.
        unsafe { large.dealloc(first, 100_000) };
        assert_eq!(large.free().0, 1);
        let second = large.alloc(99_999, 16, true);
        assert_eq!((second, large.free()), (first, (0, 0)));
        // SAFETY: a block of that many bytes.
        let bytes = unsafe { core::slice::from_raw_parts(second, 99_999) };
        assert!(bytes.iter().all(|&byte| byte == 0));
        // SAFETY: for the last time.
        unsafe { large.dealloc(second, 99_999) };
        assert_eq!(large.shrink(), mapping_size(100_000).unwrap());
        assert_eq!((large.used(), large.free()), ((0, 0), (0, 0)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let large = Large::new();
        for size in [40_000, 1 << 20, 5 << 20] {
            let blocks: Vec<_> = (0..100).map(|_| large.alloc(size, 8, false)).collect();
            assert!(blocks.iter().all(|block| !block.is_null()));
            for block in blocks {
                // SAFETY: for the last time.
                unsafe { large.dealloc(block, size) };
            }
            let (count, bytes) = large.free();
            assert!(count <= SLOTS && bytes <= MOST_OF_ALL, "{count} {bytes}");
        }
        assert_eq!(large.used(), (0, 0));
        large.shrink();
    }

    #[test]
    fn a_block_that_grows_keeps_its_contents_and_alignment() {
        let large = Large::new();
        for align in [8, 2 << 20] {
            let (mut size, mut block) = (50_000, large.alloc(50_000, align, true));
            // SAFETY: the block's last byte.
            unsafe { block.wrapping_add(49_999).write(9) };
            for _ in 0..6 {
                // SAFETY: the block as it is now.
                let moved = unsafe { large.realloc(block, size, size * 2, align) };
                if moved.is_null() {
                    assert!(align > PAGE, "it may move");
                    break;
                }
                (block, size) = (moved, size * 2);
                assert!(block.addr().is_multiple_of(align));
                // SAFETY: inside.
                assert_eq!(unsafe { block.wrapping_add(49_999).read() }, 9);
            }
            // SAFETY: for the last time.
            unsafe { large.dealloc(block, size) };
        }
        assert_eq!(large.used(), (0, 0));
        large.shrink();
    }
}
