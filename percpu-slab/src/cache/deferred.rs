//! Objects of a [`Cache`] that are freed when no reader can have them any more.
//!
//! # Safety
//! Drops values that whoever deferred them promised to be nobody else's, in objects of
//! this type.

#![allow(unsafe_code)]

use crossbeam_epoch::Guard;

use super::object::Object;
use super::typed::Cache;
use crate::error::Error;
use crate::raw::{self, ObjectCache};

/// Deferred free: with the feature `crossbeam-epoch`.
impl<T> Cache<T> {
    /// Drops the value and frees the object when every thread that is pinned now was
    /// unpinned: for nodes that were taken out of a lock-free structure.
    ///
    /// Objects that wait are gathered on each CPU and go to the epoch by batches: when a
    /// batch is full, by [`flush_deferred`](Self::flush_deferred),
    /// [`flush`](Self::flush), [`drain`](Self::drain), and when the cache is dropped.
    /// Their values are dropped on whichever thread collects garbage then; if that
    /// panics, the panic ends there.
    ///
    /// The guard may be of a collector of your own: then each object goes to it by itself,
    /// and [`deferred_barrier`](Self::deferred_barrier) does not wait for it.
    ///
    /// `examples/src/bin/treiber-stack.rs` is a stack whose nodes come from a cache:
    /// ```
    /// use crossbeam_epoch as epoch;
    /// use percpu_slab::{Cache, Object};
    /// use std::sync::atomic::{AtomicPtr, Ordering::*};
    ///
    /// let cache = Cache::<String>::new()?;
    /// let current = AtomicPtr::new(Object::into_raw(cache.alloc("old".into())?));
    ///
    /// // A reader is pinned as long as it looks.
    /// let guard = epoch::pin();
    /// // SAFETY: it was not freed: this thread is pinned.
    /// assert_eq!(unsafe { &*current.load(Acquire) }, "old");
    ///
    /// // A writer takes it out, and defers the rest.
    /// let new = Object::into_raw(cache.alloc("new".into())?);
    /// let old = current.swap(new, AcqRel);
    /// // SAFETY: nobody finds it any more, and nobody else frees it.
    /// unsafe { cache.defer_free(old, &guard) };
    /// drop(guard);
    ///
    /// // SAFETY: the last one, and nobody looks any more.
    /// drop(unsafe { Object::from_raw(current.into_inner()) });
    /// cache.destroy()?; // waits for what was deferred
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Safety
    /// The pointer came from [`Object::into_raw`]; nobody who is not pinned by now can
    /// come to the object any more, and nobody else frees it.
    ///
    /// # Performance
    /// A section; once a batch the epoch is asked, and some garbage collected.
    #[doc(alias = "kfree_rcu")]
    #[doc(alias = "kvfree_rcu")]
    #[inline]
    pub unsafe fn defer_free(&self, object: *mut T, guard: &Guard)
    where
        T: Send + 'static,
    {
        let batch = raw::magazine(self.objects.layout().size());
        let deferred = self.deferred.get_or_init(batch, self.release());
        // SAFETY: the caller's promise; `T` is `Send` and `'static`.
        unsafe { deferred.defer(object.expose_provenance() as u64, guard) };
    }

    /// As [`defer_free`](Self::defer_free), of an object that is still owned. An object
    /// of another cache goes back to that one.
    ///
    /// ```
    /// let cache = percpu_slab::Cache::<String>::new()?;
    /// let object = cache.alloc("seen until then".to_string())?;
    /// cache.defer_drop(object, &crossbeam_epoch::pin());
    /// cache.deferred_barrier()?;
    /// assert_eq!(cache.deferred(), 0);
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    #[inline]
    pub fn defer_drop(&self, object: Object<T>, guard: &Guard)
    where
        T: Send + 'static,
    {
        // SAFETY: it was owned, so nobody else comes to it or frees it.
        unsafe { self.defer_free(Object::into_raw(object), guard) };
    }

    /// Hands what waits on CPUs to the epoch.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn flush_deferred(&self) -> Result<(), Error> {
        self.deferred.flush()
    }

    /// How many objects were deferred and are not free yet; of a moment ago. They count
    /// as live.
    pub fn deferred(&self) -> usize {
        self.deferred.waiting()
    }

    /// Waits until all objects that were deferred before are free. `false` if it cannot
    /// wait, because this thread is pinned itself.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[doc(alias = "rcu_barrier")]
    #[doc(alias = "kvfree_rcu_barrier")]
    pub fn deferred_barrier(&self) -> Result<bool, Error> {
        self.deferred.barrier()
    }

    /// What is done with objects when their time has come.
    fn release(&self) -> unsafe fn(&[u64]) {
        match self.objects.hooks() {
            Some(_) => release_checked::<T>,
            None => release::<T>,
        }
    }
}

/// Drops values, then frees their objects, by magazines.
///
/// # Safety
/// They are the caller's, and have values.
unsafe fn release<T>(objects: &[u64]) {
    // SAFETY: the caller's promise.
    crate::epoch::for_each::<T>(objects, |value| unsafe { value.drop_in_place() });
    // SAFETY: objects without values now.
    unsafe { ObjectCache::free_batch(objects) };
}

/// Drops and frees objects, one after the other, each looked at before.
///
/// # Safety
/// As [`release`].
unsafe fn release_checked<T>(objects: &[u64]) {
    // SAFETY: the caller's promise.
    crate::epoch::for_each::<T>(objects, |value| drop(unsafe { Object::from_raw(value) }));
}
