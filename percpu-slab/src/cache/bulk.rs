//! Many objects at once.
//!
//! # Safety
//! As `typed.rs`, for slots that were taken together.

#![allow(unsafe_code)]

use super::failed::AllocError;
use super::object::Object;
use super::typed::Cache;
use crate::error::Error;
use crate::raw::{ObjectCache, pointer};

/// How many objects are freed together.
const BATCH: usize = 32;

/// Objects without values; freed on drop, but for those that were used.
struct Slots<S: AsRef<[u64]>> {
    slots: S,
    used: usize,
}

impl<S: AsRef<[u64]> + AsMut<[u64]>> Slots<S> {
    /// All of them, or none.
    fn take(objects: &ObjectCache, mut slots: S) -> Result<Self, Error> {
        objects.alloc_batch(slots.as_mut())?;
        Ok(Self { slots, used: 0 })
    }

    /// The next one as an object with what `make` returns.
    ///
    /// # Safety
    /// Objects fit a `T`, and one is left.
    unsafe fn next<T>(&mut self, make: impl FnOnce() -> T) -> Object<T> {
        let object = pointer(self.slots.as_ref()[self.used]);
        self.used += 1;
        // SAFETY: taken, and used once; the caller's promise.
        unsafe { Object::write_with(object, make) }
    }
}

impl<S: AsRef<[u64]>> Drop for Slots<S> {
    fn drop(&mut self) {
        // SAFETY: allocated, and nobody has them but this.
        unsafe { ObjectCache::free_batch(&self.slots.as_ref()[self.used..]) };
    }
}

impl<T> Cache<T> {
    /// Allocates `count` objects, for what `make` returns for 0, 1 and so on; all of them
    /// or none. `make` is not called unless all are there.
    ///
    /// ```
    /// let cache = percpu_slab::Cache::<u64>::builder().limit(100).build()?;
    /// let squares = cache.alloc_bulk(60, |i| (i * i) as u64)?;
    /// assert_eq!(*squares[9], 81);
    /// assert!(cache.alloc_bulk(60, |_| 0).is_err(), "all or nothing");
    /// assert_eq!(cache.stats().live, 60);
    /// percpu_slab::free_bulk(squares);
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc).
    ///
    /// # Panics
    /// If `make` does; all objects are freed.
    ///
    /// # Performance
    /// Objects move by magazines, a section each. Two allocations of the program's
    /// allocator, for the list.
    #[doc(alias = "kmem_cache_alloc_bulk")]
    #[track_caller]
    pub fn alloc_bulk(
        &self,
        count: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<Vec<Object<T>>, Error> {
        let mut slots = Slots::take(&self.objects, vec![0; count])?;
        // SAFETY: `objects` fits, and there are `count` slots.
        Ok((0..count).map(|i| unsafe { slots.next(|| make(i)) }).collect())
    }

    /// Allocates an object for each value; all of them or none.
    ///
    /// ```
    /// let cache = percpu_slab::Cache::<&str>::new()?;
    /// let [a, b] = cache.alloc_array(["a", "b"])?;
    /// assert_eq!((*a, *b), ("a", "b"));
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc).
    ///
    /// # Performance
    /// As [`alloc_bulk`](Self::alloc_bulk), without another allocator.
    #[doc(alias = "kmem_cache_alloc_bulk")]
    #[track_caller]
    pub fn alloc_array<const N: usize>(
        &self,
        values: [T; N],
    ) -> Result<[Object<T>; N], AllocError<[T; N]>> {
        match Slots::take(&self.objects, [0; N]) {
            // SAFETY: `objects` fits, and there are N slots.
            Ok(mut slots) => Ok(values.map(|value| unsafe { slots.next(|| value) })),
            Err(error) => Err(AllocError { error, value: values }),
        }
    }
}

/// Drops objects, and frees their memory by magazines.
///
/// They may be of several caches; those of one cache in a row are freed together.
///
/// # Panics
/// If a value's drop does. The objects before it are freed, and so is its own and, as
/// their iterator drops them, are the others.
///
/// # Performance
/// A section for up to 32 objects, beside what the values cost.
#[doc(alias = "kmem_cache_free_bulk")]
pub fn free_bulk<T>(objects: impl IntoIterator<Item = Object<T>>) {
    let mut batch = Batch { slots: [0; BATCH], len: 0 };
    for object in objects {
        if batch.len == BATCH {
            batch.free();
        }
        let pointer = Object::into_raw(object);
        // First in the batch: it is freed even if the value's drop panics.
        batch.slots[batch.len] = pointer.expose_provenance() as u64;
        batch.len += 1;
        // SAFETY: the object owned it, and was taken apart.
        unsafe { pointer.drop_in_place() };
    }
}

/// Objects without values, to be freed.
struct Batch {
    slots: [u64; BATCH],
    len: usize,
}

impl Batch {
    fn free(&mut self) {
        let len = core::mem::take(&mut self.len);
        // SAFETY: objects that `free_bulk` took apart, each once.
        unsafe { ObjectCache::free_batch(&self.slots[..len]) };
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.free();
    }
}
