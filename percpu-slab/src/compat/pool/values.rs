//! [`Pool`] itself; what it does is in `by_key.rs`.
//!
//! # Safety
//!
//! Says where the store is: in a field.

#![allow(unsafe_code)]

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use crate::compat::clear::Clear;
use crate::compat::config::{Config, DefaultConfig, Keys};
use crate::compat::guard::HasStore;
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
