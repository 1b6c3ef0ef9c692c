//! [`Pool`] itself.
//!
//! # Safety
//!
//! Says where the store is: in a field.

#![allow(unsafe_code)]

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::borrowed::{Ref, RefMut};
use super::owned::{OwnedRef, OwnedRefMut};
use crate::compat::clear::Clear;
use crate::compat::config::{Config, DefaultConfig, Keys};
use crate::compat::guard::{Exclusive, HasStore, Shared};
use crate::compat::store::{Clears, Store};

/// Values that are made once and cleared for each next use, by key; the face of
/// `sharded_slab::Pool`.
///
/// What a value owns, its buffers say, is there for whoever is next, on this CPU first.
/// All values are dropped with the pool, and not before.
///
/// ```
/// use percpu_slab::compat::Pool;
///
/// let pool = Pool::<String>::new();
/// let key = pool.create_with(|line| line.push_str("hello world")).unwrap();
/// assert_eq!(pool.get(key).unwrap(), String::from("hello world"));
/// assert!(pool.clear(key));
/// assert!(pool.get(key).is_none());
/// let line = pool.create().unwrap();
/// assert!(line.is_empty() && line.capacity() >= 11);
/// ```
///
/// # Performance
/// As of [`Slab`](crate::compat::Slab), and one atomic instruction more to create.
pub struct Pool<T, C = DefaultConfig>
where
    T: Clear + Default,
    C: Config,
{
    store: Store<T, C, Clears>,
}

// SAFETY: the field, which lives as long as this.
unsafe impl<T: Clear + Default, C: Config> HasStore for Pool<T, C> {
    type Value = T;
    type Config = C;
    type End = Clears;

    #[inline]
    fn store(&self) -> &Store<T, C, Clears> {
        &self.store
    }
}

impl<T: Clear + Default> Pool<T> {
    /// An empty pool.
    ///
    /// # Panics
    /// If per-CPU memory cannot be had.
    pub fn new() -> Self {
        Self::new_with_config()
    }

    /// An empty pool whose keys are made as `C` says.
    ///
    /// # Panics
    /// As [`new`](Self::new); if `C` leaves fewer than 16 bits to keys.
    pub fn new_with_config<C: Config>() -> Pool<T, C> {
        Pool { store: Store::new() }
    }
}

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
        self.store.remove(key)
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

impl<T: Clear + Default> Default for Pool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clear + Default, C: Config> fmt::Debug for Pool<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("len", &self.store.len())
            .field("config", &Keys::<C>::describe())
            .finish()
    }
}

// What a panic interrupts is cleared, or not handed out again.
impl<T: Clear + Default, C: Config> UnwindSafe for Pool<T, C> {}
impl<T: Clear + Default, C: Config> RefUnwindSafe for Pool<T, C> {}
