//! [`FixedPool`]: objects that are made once.
//!
//! # Invariants
//! - X1: whoever has an index of the ids is alone with the slot of that number.
//!
//! # Safety
//!
//! Refers to a slot by the right of X1: a guard has its index from `acquire` until its
//! drop, and dereferences to `&mut` only by `&mut` of itself.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use std::sync::Arc;

use percpu_core::Unit;

use super::id_error::Exhausted;
use super::ids::IdPool;
use crate::error::Error;
use crate::raw::MagazineStats;

/// A fixed number of objects, made in advance and used again; free ones are had from
/// the CPU's own.
///
/// The kernel's objpool. Nothing is allocated after [`new`](Self::new), and to give an
/// object back cannot fail. All objects can be had from one CPU. They are dropped with
/// the pool, which outlives every object in use: guards borrow it, or keep it alive.
///
/// ```
/// use percpu_slab::FixedPool;
///
/// let requests = FixedPool::new(16, |index| vec![index; 8])?;
/// let mut request = requests.get()?;
/// request[0] = 7;
/// drop(request);
/// let all: Vec<_> = (0..16).map(|_| requests.get().unwrap()).collect();
/// assert!(requests.get().is_err());
/// assert_eq!(requests.used(), 16);
/// # drop(all);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`try_get`](Self::try_get) and the drop of a guard may be used in a signal handler.
///
/// # Performance
/// As [`IdPool`]: one section each way, and a store.
#[doc(alias = "objpool_head")]
#[doc(alias = "objpool_init")]
pub struct FixedPool<T> {
    ids: IdPool,
    slots: Box<[UnsafeCell<T>]>,
}

// SAFETY: an object is reached by one thread at a time (X1), which may have got it from
// another: `T: Send`. Shared, it is reached through a guard, which asks `T: Sync`.
unsafe impl<T: Send> Sync for FixedPool<T> {}

impl<T: Send> FixedPool<T> {
    /// `count` objects, which `make` makes, given their indices.
    ///
    /// # Errors
    /// As [`IdPool::new`].
    ///
    /// # Panics
    /// If `make` does.
    pub fn new(count: usize, mut make: impl FnMut(usize) -> T) -> Result<Self, Error> {
        let ids = IdPool::new(count)?;
        let slots = (0..count).map(|index| UnsafeCell::new(make(index))).collect();
        Ok(Self { ids, slots })
    }

    /// An object.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[doc(alias = "objpool_pop")]
    #[inline]
    pub fn get(&self) -> Result<FixedGuard<'_, T>, Exhausted> {
        let index = self.ids.acquire()?;
        self.ids.hold(index);
        Ok(FixedGuard { pool: self, index, object: PhantomData })
    }

    /// As [`get`](Self::get), without asking other CPUs: it waits for nobody.
    ///
    /// # Errors
    /// [`Exhausted`], also if other CPUs have some.
    #[inline]
    pub fn try_get(&self) -> Result<FixedGuard<'_, T>, Exhausted> {
        let index = self.ids.try_acquire()?;
        self.ids.hold(index);
        Ok(FixedGuard { pool: self, index, object: PhantomData })
    }

    /// As [`get`](Self::get), with a guard that keeps the pool alive.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[inline]
    pub fn get_owned(self: &Arc<Self>) -> Result<OwnedFixedGuard<T>, Exhausted> {
        let index = self.ids.acquire()?;
        self.ids.hold(index);
        Ok(OwnedFixedGuard { pool: Arc::clone(self), index, object: PhantomData })
    }
}

impl<T> FixedPool<T> {
    /// How many objects there are.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many are in use; exact if none comes or goes meanwhile.
    ///
    /// # Performance
    /// Looks at every object's index.
    pub fn used(&self) -> usize {
        self.ids.used()
    }

    /// How many are not in use; as [`used`](Self::used).
    pub fn free(&self) -> usize {
        self.ids.free()
    }

    /// Lets any CPU have what a unit keeps.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing was moved.
    pub fn drain(&self, unit: Unit) -> Result<(), Error> {
        self.ids.drain(unit)
    }

    /// How often a CPU had no object, or no room for one, and what it did then. Hits are
    /// not counted.
    pub fn stats(&self) -> MagazineStats {
        self.ids.stats()
    }

    /// The objects, by somebody who is alone with the pool.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().map(UnsafeCell::get_mut)
    }
}

impl<T> fmt::Debug for FixedPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedPool").field("ids", &self.ids).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for FixedPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} objects in use", self.used(), self.capacity())
    }
}

/// An object of a [`FixedPool`], which goes back on drop, on whichever CPU that is.
///
/// Forgotten (`mem::forget`), the object stays in use; it is dropped with the pool.
///
/// `Sync` only if `T` is:
/// ```
/// fn is_send<T: Send>(_: T) {}
/// let pool = percpu_slab::FixedPool::new(1, |_| std::cell::Cell::new(0)).unwrap();
/// is_send(pool.get().unwrap());
/// ```
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>(_: T) {}
/// let pool = percpu_slab::FixedPool::new(1, |_| std::cell::Cell::new(0)).unwrap();
/// is_sync(pool.get().unwrap());
/// ```
#[must_use = "dropped at once, the object goes back at once"]
#[doc(alias = "objpool_push")]
pub struct FixedGuard<'a, T> {
    pool: &'a FixedPool<T>,
    /// INVARIANT: acquired, and not given back (X1).
    index: u32,
    /// As a reference to it: shared between threads if the object may be.
    object: PhantomData<&'a mut T>,
}

/// A [`FixedGuard`] that borrows nothing and keeps its pool alive: from
/// [`FixedPool::get_owned`].
///
/// # Performance
/// A reference to the pool is counted, on a word that all CPUs share.
#[must_use = "dropped at once, the object goes back at once"]
pub struct OwnedFixedGuard<T> {
    pool: Arc<FixedPool<T>>,
    /// INVARIANT: as above.
    index: u32,
    /// As the object itself.
    object: PhantomData<T>,
}

macro_rules! guard {
    (($($lifetime:lifetime)?) $Guard:ident) => {
        impl<$($lifetime,)? T> $Guard<$($lifetime,)? T> {
            /// The object's index, below [`FixedPool::capacity`].
            pub fn index(guard: &Self) -> usize {
                guard.index as usize
            }
        }

        impl<$($lifetime,)? T> Deref for $Guard<$($lifetime,)? T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                let slot = &self.pool.slots[self.index as usize];
                // SAFETY: by X1 only this guard refers to the object, and it is borrowed.
                unsafe { &*slot.get() }
            }
        }

        impl<$($lifetime,)? T> DerefMut for $Guard<$($lifetime,)? T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                let slot = &self.pool.slots[self.index as usize];
                // SAFETY: by X1 only this guard refers to the object, and it is borrowed
                // mutably.
                unsafe { &mut *slot.get() }
            }
        }

        impl<$($lifetime,)? T> Drop for $Guard<$($lifetime,)? T> {
            #[inline]
            fn drop(&mut self) {
                self.pool.ids.let_go(self.index);
            }
        }

        impl<$($lifetime,)? T: fmt::Debug> fmt::Debug for $Guard<$($lifetime,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($lifetime,)? T: fmt::Display> fmt::Display for $Guard<$($lifetime,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

guard!(('a) FixedGuard);
guard!(() OwnedFixedGuard);
