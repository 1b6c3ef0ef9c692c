//! [`Guard`]: a value of a slab, being read.

use core::fmt;
use core::ops::Deref;

use percpu_counter::ReadGuard;

use super::key::Key;

/// A value of a [`Slab`](crate::Slab), being read: it stays until the guard is dropped,
/// whoever removes it.
///
/// From [`Slab::get`](crate::Slab::get), and from iteration. It stays in its thread:
/// ```compile_fail,E0277
/// let slab = percpu_slab::Slab::new().unwrap();
/// let key = slab.insert(1).unwrap();
/// let guard = slab.get(key).unwrap();
/// std::thread::scope(|s| { s.spawn(|| drop(guard)); });
/// ```
/// while a reference to the value may be lent to others:
/// ```
/// let slab = percpu_slab::Slab::new().unwrap();
/// let key = slab.insert(1).unwrap();
/// let guard = slab.get(key).unwrap();
/// std::thread::scope(|s| { s.spawn(|| assert_eq!(*guard, 1)); });
/// ```
/// It is not outlived by its slab:
/// ```compile_fail,E0505
/// let slab = percpu_slab::Slab::new().unwrap();
/// let key = slab.insert(1).unwrap();
/// let guard = slab.get(key).unwrap();
/// drop(slab);
/// assert_eq!(*guard, 1);
/// ```
/// [`Slab::get_owned`](crate::Slab::get_owned) gives one that may be sent and kept.
///
/// A guard that is leaked is waited for without end, by
/// [`take`](crate::Slab::take) of any value that was ever read, and values that are
/// removed after it was made are dropped with the slab.
#[must_use = "the value may go where the guard is dropped"]
pub struct Guard<'a, T> {
    value: &'a T,
    key: Key,
    /// The value stays while this is here.
    _reading: ReadGuard<'a>,
}

impl<'a, T> Guard<'a, T> {
    #[inline(always)]
    pub(super) fn new(value: &'a T, key: Key, reading: ReadGuard<'a>) -> Self {
        Self { value, key, _reading: reading }
    }
}

impl<T> Guard<'_, T> {
    /// The value's key.
    #[inline]
    pub fn key(&self) -> Key {
        self.key
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
