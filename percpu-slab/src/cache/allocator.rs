//! [`CacheAllocator`]: a cache as the allocator of a collection.
//!
//! # Safety
//! Objects are memory blocks of the cache's layout: nobody else has them until they are
//! freed, and they do not move.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use super::typed::Cache;
use crate::raw::ObjectCache;

/// A cache as an `allocator_api2::alloc::Allocator`, for one layout; from
/// [`Cache::as_allocator`].
///
/// A layout *fits* if its size and its alignment are not above those of the cache's
/// objects. Others are refused: a `Vec` has to be given its capacity once, and a `Box`
/// is of one size anyway. A block is all of an object.
///
/// ```
/// use allocator_api2::{boxed::Box, vec::Vec};
/// use percpu_slab::Cache;
///
/// let blocks = Cache::<[u64; 8]>::new()?;
/// let number = Box::new_in(7_u32, blocks.as_allocator());
/// let mut numbers = Vec::with_capacity_in(8, blocks.as_allocator());
/// numbers.extend(0..8_u64);
/// assert!(numbers.try_reserve(1).is_err(), "eight fit");
/// assert_eq!((*number, blocks.stats().live), (7, 2));
/// # Ok::<(), percpu_slab::Error>(())
/// ```
///
/// # Performance
/// As [`Cache::alloc`].
pub struct CacheAllocator<'a, T> {
    cache: &'a Cache<T>,
}

impl<T> Cache<T> {
    /// This cache as the allocator of a collection.
    pub fn as_allocator(&self) -> CacheAllocator<'_, T> {
        CacheAllocator { cache: self }
    }
}

// SAFETY: blocks are objects (the module's section); a copy of the allocator is the
// same cache, which lives as long as they do.
unsafe impl<T> Allocator for CacheAllocator<'_, T> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let objects = &self.cache.objects;
        let most = objects.layout();
        if layout.size() > most.size() || layout.align() > most.align() {
            return Err(AllocError);
        }
        let object = objects.alloc().map_err(|_| AllocError)?;
        Ok(NonNull::slice_from_raw_parts(object, most.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, _: Layout) {
        // SAFETY: the caller's promise: a block of this allocator, so an object.
        unsafe { ObjectCache::free(block) };
    }

    /// # Safety
    /// As asked for by the trait.
    unsafe fn grow(
        &self,
        block: NonNull<u8>,
        _: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        self.same(block, new)
    }

    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let grown = self.same(block, new)?;
        // SAFETY: within the block.
        let rest = unsafe { block.add(old.size()) };
        // SAFETY: the rest of the block, which nobody uses.
        unsafe { rest.write_bytes(0, grown.len() - old.size()) };
        Ok(grown)
    }

    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        _: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        self.same(block, new)
    }
}

impl<T> CacheAllocator<'_, T> {
    /// The block, if it is large enough for `layout` as it is.
    fn same(&self, block: NonNull<u8>, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let most = self.cache.objects.layout();
        if layout.size() > most.size() || layout.align() > most.align() {
            return Err(AllocError);
        }
        Ok(NonNull::slice_from_raw_parts(block, most.size()))
    }
}

impl<T> Clone for CacheAllocator<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for CacheAllocator<'_, T> {}

impl<T> fmt::Debug for CacheAllocator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheAllocator").field(&self.cache).finish()
    }
}
