//! [`VacantEntry`]: a key before its value.

use core::fmt;

use super::key::Key;
use super::slab::Slab;
use super::slots::Acquired;
use crate::error::Error;

/// A slot of a [`Slab`] whose key is known and whose value is not there yet: for values
/// that have their own key in them. Dropped, it leaves nothing behind.
///
/// ```
/// let slab = percpu_slab::Slab::new()?;
/// let entry = slab.vacant_entry()?;
/// let key = entry.key();
/// assert!(slab.get(key).is_none(), "not yet");
/// assert_eq!(entry.insert((key, "knows its key")), key);
/// assert_eq!(slab.get(key).unwrap().0, key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is inserted until `insert`"]
pub struct VacantEntry<'a, T> {
    slab: &'a Slab<T>,
    /// `None` once it has its value.
    acquired: Option<Acquired<'a, T>>,
    key: Key,
}

impl<T> Slab<T> {
    /// A slot for a value, with its key.
    ///
    /// While it is held it counts as an entry.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    #[inline]
    pub fn vacant_entry(&self) -> Result<VacantEntry<'_, T>, Error> {
        let acquired = self.acquire()?;
        let key = Key::new(acquired.index, acquired.generation);
        Ok(VacantEntry { slab: self, acquired: Some(acquired), key })
    }
}

impl<T> VacantEntry<'_, T> {
    /// The key that the value will have.
    #[inline]
    pub fn key(&self) -> Key {
        self.key
    }

    /// Inserts the value; its key.
    #[inline]
    pub fn insert(mut self, value: T) -> Key {
        if let Some(acquired) = self.acquired.take() {
            self.slab.fill(&acquired, value);
        }
        self.key
    }
}

impl<T> Drop for VacantEntry<'_, T> {
    fn drop(&mut self) {
        if let Some(acquired) = self.acquired.take() {
            self.slab.slots.release_unused(acquired.index, acquired.generation);
        }
    }
}

impl<T> fmt::Debug for VacantEntry<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VacantEntry").field("key", &self.key).finish_non_exhaustive()
    }
}
