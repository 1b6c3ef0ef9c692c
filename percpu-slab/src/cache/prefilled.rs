//! [`Prefilled`]: a private magazine.
//!
//! # Safety
//! As `typed.rs`, for slots that were taken before.

#![allow(unsafe_code)]

use core::fmt;

use super::object::Object;
use super::typed::Cache;
use crate::error::Error;
use crate::raw::{ObjectCache, pointer};

/// Objects that were set aside, so that as many allocations cannot fail.
///
/// For a change that must not stop half way: fetch first all that it may need.
///
/// ```
/// let nodes = percpu_slab::Cache::<[u64; 8]>::new()?;
/// let mut set_aside = nodes.prefill(3)?;
/// let inserted = [1, 2, 3].map(|n| set_aside.alloc([n; 8]).expect("three were set aside"));
/// assert_eq!(set_aside.alloc([4; 8]).unwrap_err(), [4; 8]);
/// set_aside.refill(2)?;
/// assert_eq!(set_aside.len(), 2);
/// # Ok::<(), percpu_slab::Error>(())
/// ```
///
/// What is left goes back to this CPU's magazine on drop.
#[doc(alias = "kmem_cache_prefill_sheaf")]
#[doc(alias = "slab_sheaf")]
pub struct Prefilled<'a, T> {
    cache: &'a Cache<T>,
    /// INVARIANT: objects of the cache that nobody has but this.
    slots: Vec<u64>,
}

impl<T> Cache<T> {
    /// Sets `count` objects aside.
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc): all or nothing.
    #[doc(alias = "kmem_cache_prefill_sheaf")]
    #[track_caller]
    pub fn prefill(&self, count: usize) -> Result<Prefilled<'_, T>, Error> {
        let mut prefilled = Prefilled { cache: self, slots: Vec::new() };
        prefilled.refill(count)?;
        Ok(prefilled)
    }
}

impl<T> Prefilled<'_, T> {
    /// Allocates one of the objects that were set aside; never asks the cache.
    ///
    /// # Errors
    /// The value, if none is left.
    #[doc(alias = "kmem_cache_alloc_from_sheaf")]
    #[inline]
    pub fn alloc(&mut self, value: T) -> Result<Object<T>, T> {
        let Some(slot) = self.slots.pop() else { return Err(value) };
        let object = pointer(slot);
        // SAFETY: taken, used once, and the cache's objects fit a `T`.
        Ok(unsafe { Object::write(object, value) })
    }

    /// Fetches objects until there are `count`.
    ///
    /// # Errors
    /// As [`Cache::alloc`]; what is set aside stays so.
    #[doc(alias = "kmem_cache_refill_sheaf")]
    #[track_caller]
    pub fn refill(&mut self, count: usize) -> Result<(), Error> {
        let had = self.slots.len();
        if count > had {
            self.slots.resize(count, 0);
            if let Err(error) = self.cache.objects.alloc_batch(&mut self.slots[had..]) {
                self.slots.truncate(had);
                return Err(error);
            }
        }
        Ok(())
    }

    /// How many allocations cannot fail.
    #[doc(alias = "kmem_cache_sheaf_size")]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

impl<T> Drop for Prefilled<'_, T> {
    #[doc(alias = "kmem_cache_return_sheaf")]
    fn drop(&mut self) {
        // SAFETY: allocated, and nobody has them but this.
        unsafe { ObjectCache::free_batch(&self.slots) };
    }
}

impl<T> fmt::Debug for Prefilled<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefilled")
            .field("cache", &self.cache.name)
            .field("len", &self.len())
            .finish()
    }
}
