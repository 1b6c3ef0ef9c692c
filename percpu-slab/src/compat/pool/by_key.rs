//! What a [`Pool`] does.

use std::sync::Arc;

use super::borrowed::{Ref, RefMut};
use super::owned::{OwnedRef, OwnedRefMut};
use super::values::Pool;
use crate::compat::clear::Clear;
use crate::compat::config::{Config, Keys};
use crate::compat::guard::{Exclusive, HasStore, Shared};

impl<T: Clear + Default, C: Config> Pool<T, C> {
    /// How many of a key's lowest bits are used; those above are 0.
    pub const USED_BITS: usize = Keys::<C>::USED;

    /// An empty value to be filled: one that was cleared, or `T::default()`. Its key
    /// finds it once the guard is dropped or downgraded. `None` if there is no memory,
    /// or no number left that a key has room for.
    ///
    /// ```
    /// use percpu_slab::compat::Pool;
    /// let pool = Pool::<Vec<u8>>::new();
    /// let mut bytes = pool.create().unwrap();
    /// let key = bytes.key();
    /// bytes.extend([1, 2, 3]);
    /// assert!(pool.get(key).is_none());
    /// drop(bytes);
    /// assert_eq!(pool.get(key).unwrap(), vec![1, 2, 3]);
    /// ```
    #[inline]
    pub fn create(&self) -> Option<RefMut<'_, T, C>> {
        Some(RefMut { inner: Exclusive::create(self)? })
    }

    /// As [`create`](Self::create), with a guard that keeps the pool, too.
    ///
    /// ```
    /// use percpu_slab::compat::Pool;
    /// use std::sync::Arc;
    /// let pool = Arc::new(Pool::<String>::new());
    /// let mut line = pool.clone().create_owned().unwrap();
    /// drop(pool);
    /// std::thread::spawn(move || line.push_str("anywhere")).join().unwrap();
    /// ```
    pub fn create_owned(self: Arc<Self>) -> Option<OwnedRefMut<T, C>> {
        Some(OwnedRefMut { inner: Exclusive::create(self)? })
    }

    /// Creates a value, has `init` fill it, and returns its key. `None` as of
    /// [`create`](Self::create). If `init` panics the value is cleared.
    #[inline]
    pub fn create_with(&self, init: impl FnOnce(&mut T)) -> Option<usize> {
        let mut creation = Creation { value: self.create()?, is_done: false };
        init(&mut creation.value);
        creation.is_done = true;
        Some(creation.value.key())
    }

    /// A guard of the value of a key. `None` if there is none, or if it has 2<sup>28</sup>
    /// guards less one.
    #[inline]
    pub fn get(&self, key: usize) -> Option<Ref<'_, T, C>> {
        Some(Ref { inner: Shared::get(self, key)? })
    }

    /// As [`get`](Self::get), with a guard that keeps the pool, too.
    pub fn get_owned(self: Arc<Self>, key: usize) -> Option<OwnedRef<T, C>> {
        Some(OwnedRef { inner: Shared::get(self, key)? })
    }

    /// Takes a value out of reach, and clears it: now, or as soon as nobody has it.
    /// `true` if it was there.
    ///
    /// It never waits: if there are guards, whoever drops the last one clears the value.
    /// ```
    /// use percpu_slab::compat::Pool;
    /// let pool = Pool::<String>::new();
    /// let key = pool.create_with(|line| line.push('a')).unwrap();
    /// let guard = pool.get(key).unwrap();
    /// assert!(pool.clear(key) && pool.get(key).is_none() && !pool.clear(key));
    /// assert_eq!(guard, String::from("a"));
    /// ```
    #[inline]
    pub fn clear(&self, key: usize) -> bool {
        self.store().remove(key)
    }
}

/// A value that ends with this unless it is done.
struct Creation<'a, T: Clear + Default, C: Config> {
    value: RefMut<'a, T, C>,
    is_done: bool,
}

impl<T: Clear + Default, C: Config> Drop for Creation<'_, T, C> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_done {
            self.value.inner.discard();
        }
    }
}
