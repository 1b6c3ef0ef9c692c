//! [`PoolGuard`], [`OwnedPoolGuard`]: a value that goes back on drop.
//!
//! # Safety
//!
//! The value is moved out of a guard once: by drop, or by whoever forgets the guard.

#![allow(unsafe_code)]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr;
use std::sync::Arc;

use super::recycle::{AsIs, Recycle};
use super::typed::Pool;
use crate::error::Error;

/// A value of a [`Pool`], which goes back on drop, on whichever CPU that is.
///
/// Forgotten (`mem::forget`), the value is leaked: the pool goes on without it, and
/// counts it as one that exists.
///
/// `Send` if `T` is, which a pool demands: a task may hold it over an `.await` and
/// go on with another thread.
/// ```
/// fn is_send<T: Send>(_: T) {}
/// let pool = percpu_slab::Pool::new(|| std::cell::Cell::new(0));
/// is_send(pool.get());
/// ```
/// `Sync` only if `T` is:
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>(_: T) {}
/// let pool = percpu_slab::Pool::new(|| std::cell::Cell::new(0));
/// is_sync(pool.get());
/// ```
/// A guard does not outlive its pool:
/// ```compile_fail,E0505
/// let pool = percpu_slab::Pool::new(|| 0);
/// let guard = pool.get();
/// drop(pool);
/// drop(guard);
/// ```
#[must_use = "dropped at once, the value goes back at once"]
pub struct PoolGuard<'a, T, R: Recycle<T> = AsIs> {
    value: ManuallyDrop<Box<T>>,
    pool: &'a Pool<T, R>,
}

/// A [`PoolGuard`] that borrows nothing and keeps its pool alive: from
/// [`Pool::get_owned`].
///
/// # Performance
/// A reference to the pool is counted, on a word that all CPUs share.
#[must_use = "dropped at once, the value goes back at once"]
pub struct OwnedPoolGuard<T, R: Recycle<T> = AsIs> {
    value: ManuallyDrop<Box<T>>,
    pool: Arc<Pool<T, R>>,
}

macro_rules! guard {
    (($($lifetime:lifetime)?) $Guard:ident, $Pool:ty) => {
        impl<$($lifetime,)? T, R: Recycle<T>> $Guard<$($lifetime,)? T, R> {
            #[inline(always)]
            pub(super) fn new(value: Box<T>, pool: $Pool) -> Self {
                Self { value: ManuallyDrop::new(value), pool }
            }

            /// Takes the value out of the pool for good: it counts no longer against
            /// the limit.
            pub fn into_inner(guard: Self) -> T {
                *Self::detach(guard)
            }

            /// As [`into_inner`](Self::into_inner), in its box.
            pub fn detach(guard: Self) -> Box<T> {
                let (value, pool) = Self::apart(guard);
                pool.values().left();
                value
            }

            /// Value and pool, without going back.
            #[inline]
            pub(super) fn apart(guard: Self) -> (Box<T>, $Pool) {
                let mut guard = ManuallyDrop::new(guard);
                // SAFETY: this guard's drop, which would take it too, will not run.
                let value = unsafe { ManuallyDrop::take(&mut guard.value) };
                // SAFETY: as above; a live field is read once.
                let pool = unsafe { ptr::read(&guard.pool) };
                (value, pool)
            }
        }

        impl<$($lifetime,)? T, R: Recycle<T>> Deref for $Guard<$($lifetime,)? T, R> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                &self.value
            }
        }

        impl<$($lifetime,)? T, R: Recycle<T>> DerefMut for $Guard<$($lifetime,)? T, R> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                &mut self.value
            }
        }

        impl<$($lifetime,)? T, R: Recycle<T>> Drop for $Guard<$($lifetime,)? T, R> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the guard is not used again.
                let value = unsafe { ManuallyDrop::take(&mut self.value) };
                self.pool.put_back(value);
            }
        }

        impl<$($lifetime,)? T: fmt::Debug, R: Recycle<T>> fmt::Debug
            for $Guard<$($lifetime,)? T, R>
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($lifetime,)? T: fmt::Display, R: Recycle<T>> fmt::Display
            for $Guard<$($lifetime,)? T, R>
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

guard!(('a) PoolGuard, &'a Pool<T, R>);
guard!(() OwnedPoolGuard, Arc<Pool<T, R>>);

impl<T: Send, R: Recycle<T>> Pool<T, R> {
    /// A value: one that came back, of this CPU's if it has any, or a new one.
    ///
    /// # Panics
    /// If the constructor does. If the pool has a limit and
    /// [`try_get`](Self::try_get) would say so.
    ///
    /// # Performance
    /// One section on this CPU's stack of values; dropping the guard is another.
    #[inline(always)]
    pub fn get(&self) -> PoolGuard<'_, T, R> {
        match self.hit() {
            Some(value) => PoolGuard::new(value, self),
            None => self.get_slow(),
        }
    }

    /// As [`get`](Self::get), with a limit.
    ///
    /// # Errors
    /// [`Error::LimitReached`]: as many values exist as are allowed, and none of them
    /// was found in the pool, of whichever CPU. One that comes back meanwhile may be missed.
    ///
    /// # Panics
    /// If the constructor does.
    #[inline(always)]
    pub fn try_get(&self) -> Result<PoolGuard<'_, T, R>, Error> {
        match self.hit() {
            Some(value) => Ok(PoolGuard::new(value, self)),
            None => self.try_get_slow(),
        }
    }

    /// As [`get`](Self::get), with a guard that keeps the pool alive.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    ///
    /// ```
    /// use percpu_slab::Pool;
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(Pool::new(String::new));
    /// let mut text = pool.get_owned();
    /// drop(pool);
    /// std::thread::spawn(move || text.push_str("kept alive")).join().unwrap();
    /// ```
    #[inline]
    pub fn get_owned(self: &Arc<Self>) -> OwnedPoolGuard<T, R> {
        let (value, _) = PoolGuard::apart(self.get());
        OwnedPoolGuard::new(value, Arc::clone(self))
    }

    /// As [`try_get`](Self::try_get), with a guard that keeps the pool alive.
    ///
    /// # Errors
    /// As [`try_get`](Self::try_get).
    ///
    /// # Panics
    /// As [`try_get`](Self::try_get).
    #[inline]
    pub fn try_get_owned(self: &Arc<Self>) -> Result<OwnedPoolGuard<T, R>, Error> {
        let (value, _) = PoolGuard::apart(self.try_get()?);
        Ok(OwnedPoolGuard::new(value, Arc::clone(self)))
    }

    #[cold]
    #[inline(never)]
    fn get_slow(&self) -> PoolGuard<'_, T, R> {
        match self.try_get_slow() {
            Ok(guard) => guard,
            Err(error) => panic!("{error}"),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_get_slow(&self) -> Result<PoolGuard<'_, T, R>, Error> {
        self.fetch().map(|value| PoolGuard::new(value, self))
    }
}
