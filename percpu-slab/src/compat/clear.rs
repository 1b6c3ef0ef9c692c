//! [`Clear`]: a value made empty for its next use.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError, RwLock};

/// A value that can be made empty in place and keeps the memory it owns.
///
/// A [`Pool`](super::Pool) does this to a value before somebody else gets it. A
/// collection drops what it holds and keeps its capacity; a type that owns nothing
/// resets itself, or does nothing.
///
/// ```
/// use percpu_slab::compat::Clear;
///
/// #[derive(Default)]
/// struct Request {
///     path: String,
///     retries: u32,
/// }
/// impl Clear for Request {
///     fn clear(&mut self) {
///         self.path.clear();
///         self.retries = 0;
///     }
/// }
/// let mut request = Request { path: "/index".into(), retries: 2 };
/// Clear::clear(&mut request);
/// assert!(request.path.is_empty() && request.path.capacity() >= 6);
/// ```
pub trait Clear {
    /// Makes the value empty.
    fn clear(&mut self);
}

impl<T> Clear for Option<T> {
    fn clear(&mut self) {
        *self = None;
    }
}

impl<T: Clear> Clear for Box<T> {
    fn clear(&mut self) {
        T::clear(self);
    }
}

impl<T> Clear for Vec<T> {
    fn clear(&mut self) {
        Self::clear(self);
    }
}

impl Clear for String {
    fn clear(&mut self) {
        Self::clear(self);
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Clear for HashMap<K, V, S> {
    fn clear(&mut self) {
        Self::clear(self);
    }
}

impl<T: Hash + Eq, S: BuildHasher> Clear for HashSet<T, S> {
    fn clear(&mut self) {
        Self::clear(self);
    }
}

/// Of a poisoned mutex too, which is not poisoned afterwards: what a panic may have
/// left half done is gone.
impl<T: Clear> Clear for Mutex<T> {
    fn clear(&mut self) {
        self.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        self.clear_poison();
    }
}

/// Of a poisoned lock too, which is not poisoned afterwards.
impl<T: Clear> Clear for RwLock<T> {
    fn clear(&mut self) {
        self.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        self.clear_poison();
    }
}
