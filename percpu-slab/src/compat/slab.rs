//! [`Slab`]: values by key, with guards that may go anywhere; what it does is in
//! `by_key.rs`.
//!
//! # Safety
//!
//! Says where the store is: in a field.

#![allow(unsafe_code)]

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use super::config::{Config, DefaultConfig, Keys};
use super::guard::HasStore;
use super::store::{Drops, Store};

/// Values by key; the face of `sharded_slab::Slab`.
///
/// ```
/// use percpu_slab::compat::Slab;
/// use std::sync::{Arc, Mutex};
///
/// let slab = Arc::new(Slab::new());
/// let key = slab.insert(Mutex::new(String::from("hello"))).unwrap();
/// let theirs = slab.clone();
/// std::thread::spawn(move || {
///     theirs.get(key).unwrap().lock().unwrap().push_str(" from there");
/// }).join().unwrap();
/// assert_eq!(*slab.take(key).unwrap().lock().unwrap(), "hello from there");
/// ```
///
/// It is `Sync` if its values may be shared and sent:
/// ```
/// # use percpu_slab::compat::Slab;
/// fn shared<T: Sync>(_: T) {}
/// shared(Slab::<String>::new());
/// ```
/// ```compile_fail,E0277
/// # use percpu_slab::compat::Slab;
/// # fn shared<T: Sync>(_: T) {}
/// shared(Slab::<std::cell::Cell<u32>>::new());
/// ```
///
/// # Performance
/// `insert` and `remove` take a slot from this CPU's magazine and put it there: no lock
/// prefix for it, no shared line. `get`, and dropping a guard, are one atomic
/// instruction each on the slot's own word, which threads that use one key share.
pub struct Slab<T, C: Config = DefaultConfig> {
    store: Store<T, C, Drops>,
}

// SAFETY: the field, which lives as long as this.
unsafe impl<T, C: Config> HasStore for Slab<T, C> {
    type Value = T;
    type Config = C;
    type End = Drops;

    #[inline]
    fn store(&self) -> &Store<T, C, Drops> {
        &self.store
    }
}

impl<T> Slab<T> {
    /// An empty slab.
    ///
    /// # Panics
    /// If per-CPU memory cannot be had.
    pub fn new() -> Self {
        Self::new_with_config()
    }

    /// An empty slab whose keys are made as `C` says.
    ///
    /// # Panics
    /// As [`new`](Self::new); if `C` leaves fewer than 16 bits to keys.
    pub fn new_with_config<C: Config>() -> Slab<T, C> {
        Slab { store: Store::new() }
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, C: Config> fmt::Debug for Slab<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("len", &self.store.len())
            .field("config", &Keys::<C>::describe())
            .finish()
    }
}

// A panic in a value's drop or in a closure leaves the slab whole.
impl<T, C: Config> UnwindSafe for Slab<T, C> {}
impl<T, C: Config> RefUnwindSafe for Slab<T, C> {}
