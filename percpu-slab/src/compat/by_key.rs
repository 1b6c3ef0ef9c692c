//! What a [`Slab`] does.

use std::sync::Arc;

use super::config::{Config, Keys};
use super::entry::{Entry, OwnedEntry, VacantEntry};
use super::guard::{HasStore, Shared};
use super::iter::UniqueIter;
use super::slab::Slab;

impl<T, C: Config> Slab<T, C> {
    /// How many of a key's lowest bits are used; those above are 0.
    pub const USED_BITS: usize = Keys::<C>::USED;

    /// Puts a value in; the key that finds it from now on. `None`, and the value is
    /// dropped, if there is no memory, or no number left that a key has room for.
    #[inline]
    pub fn insert(&self, value: T) -> Option<usize> {
        let claimed = self.store().claim()?;
        let key = claimed.key();
        claimed.insert(value);
        Some(key)
    }

    /// A slot for a value that has to know its key. `None` as of
    /// [`insert`](Self::insert).
    pub fn vacant_entry(&self) -> Option<VacantEntry<'_, T, C>> {
        Some(VacantEntry { claimed: self.store().claim()? })
    }

    /// Takes a value out of reach, and drops it: now, or as soon as nobody has it.
    /// `true` if it was there.
    ///
    /// It never waits: if there are guards, whoever drops the last one drops the value.
    /// ```
    /// use percpu_slab::compat::Slab;
    /// let slab = Slab::new();
    /// let key = slab.insert(1).unwrap();
    /// assert!(slab.remove(key) && !slab.contains(key) && !slab.remove(key));
    /// ```
    #[inline]
    pub fn remove(&self, key: usize) -> bool {
        self.store().remove(key)
    }

    /// Takes a value out of the slab; `None` if there is none.
    ///
    /// It waits until nobody has it: in a loop at first, then by sleeping. So who calls
    /// this with a guard of the same key in hand waits for ever.
    /// ```
    /// use percpu_slab::compat::Slab;
    /// let slab = Slab::new();
    /// let key = slab.insert("mine again").unwrap();
    /// assert_eq!(slab.take(key), Some("mine again"));
    /// assert_eq!(slab.take(key), None);
    /// ```
    pub fn take(&self, key: usize) -> Option<T> {
        self.store().take(key)
    }

    /// A guard of the value of a key. `None` if there is none, or if it has 2<sup>28</sup>
    /// guards less one.
    #[inline]
    pub fn get(&self, key: usize) -> Option<Entry<'_, T, C>> {
        Some(Entry { inner: Shared::get(self, key)? })
    }

    /// As [`get`](Self::get), with a guard that keeps the slab, too.
    ///
    /// ```
    /// use percpu_slab::compat::Slab;
    /// use std::sync::Arc;
    /// let slab = Arc::new(Slab::new());
    /// let key = slab.insert("there").unwrap();
    /// let entry = slab.clone().get_owned(key).unwrap();
    /// drop(slab);
    /// assert_eq!(entry, "there");
    /// ```
    pub fn get_owned(self: Arc<Self>, key: usize) -> Option<OwnedEntry<T, C>> {
        Some(OwnedEntry { inner: Shared::get(self, key)? })
    }

    /// Whether a key finds a value.
    #[inline]
    pub fn contains(&self, key: usize) -> bool {
        self.store().contains(key)
    }

    /// All values, in no order.
    ///
    /// ```
    /// use percpu_slab::compat::Slab;
    /// let mut slab = Slab::new();
    /// for value in 1..=4 {
    ///     slab.insert(value).unwrap();
    /// }
    /// assert_eq!(slab.unique_iter().sum::<i32>(), 10);
    /// ```
    pub fn unique_iter(&mut self) -> UniqueIter<'_, T, C> {
        UniqueIter::new(self)
    }
}
