//! Going through a slab, beside others who use it, or alone.
//!
//! # Safety
//!
//! Refers to values of a slab that is borrowed alone, to each once.

#![allow(unsafe_code)]

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use super::guard::Guard;
use super::key::Key;
use super::slab::Slab;

/// The keys of a [`Slab`]; from [`Slab::keys`].
pub struct Keys<'a, T> {
    slab: &'a Slab<T>,
    from: u64,
}

impl<T> Iterator for Keys<'_, T> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        let (key, _) = self.slab.next_there(self.from)?;
        self.from = u64::from(key.index()) + 1;
        Some(key)
    }
}

/// The values of a [`Slab`], each being read; from [`Slab::iter`].
pub struct Iter<'a, T>(Keys<'a, T>);

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = Guard<'a, T>;

    fn next(&mut self) -> Option<Guard<'a, T>> {
        let slab = self.0.slab;
        self.0.by_ref().find_map(|key| slab.get(key))
    }
}

impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for Keys<'_, T> {}

/// The values of a [`Slab`] that is borrowed alone; from [`Slab::iter_mut`].
pub struct IterMut<'a, T> {
    slab: &'a Slab<T>,
    from: u64,
    /// Borrowed alone.
    _values: PhantomData<&'a mut T>,
}

impl<'a, T> Iterator for IterMut<'a, T> {
    type Item = (Key, &'a mut T);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, slot) = self.slab.next_there(self.from)?;
        self.from = u64::from(key.index()) + 1;
        // SAFETY: the slab is borrowed alone, so there are no guards, and each index is
        // passed once.
        Some((key, unsafe { &mut *slot.value() }))
    }
}

/// The values of a [`Slab`], taken out one by one; from [`Slab::drain`]. Dropped, it drops
/// the rest.
pub struct Drain<'a, T> {
    slab: &'a mut Slab<T>,
    from: u64,
}

impl<T> Iterator for Drain<'_, T> {
    type Item = (Key, T);

    fn next(&mut self) -> Option<(Key, T)> {
        take_next(self.slab, &mut self.from)
    }
}

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        // A value whose drop panics ends this; the others stay in the slab.
        self.for_each(drop);
    }
}

/// The values of a [`Slab`] that is no more; from `into_iter`.
pub struct IntoIter<T> {
    slab: Slab<T>,
    from: u64,
}

impl<T> Iterator for IntoIter<T> {
    type Item = (Key, T);

    fn next(&mut self) -> Option<(Key, T)> {
        take_next(&mut self.slab, &mut self.from)
    }
}

/// Takes the first value from index `from` on out.
fn take_next<T>(slab: &mut Slab<T>, from: &mut u64) -> Option<(Key, T)> {
    let key = slab.next_there(*from)?.0;
    *from = u64::from(key.index()) + 1;
    Some((key, slab.take_alone(key)?))
}

impl<T> Slab<T> {
    /// The values, each being read by a guard that tells its key, in the order of
    /// indices. A value that is there all the time is met exactly once; one that comes or
    /// goes meanwhile, once at most.
    ///
    /// ```
    /// let slab: percpu_slab::Slab<_> = ["a", "b"].into_iter().collect();
    /// assert!(slab.iter().map(|value| *value).eq(["a", "b"]));
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    ///
    /// # Performance
    /// A section for each value, and a short lock for each page.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self.keys())
    }

    /// The keys, as [`iter`](Self::iter), but nothing is read.
    pub fn keys(&self) -> Keys<'_, T> {
        Keys { slab: self, from: 0 }
    }

    /// The values, to be changed: nobody else has them.
    #[doc(alias = "unique_iter")]
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut { slab: self, from: 0, _values: PhantomData }
    }

    /// Takes the values out, each with the key that it had.
    pub fn drain(&mut self) -> Drain<'_, T> {
        Drain { slab: self, from: 0 }
    }

    /// Removes the values that `f` does not want to keep, as by
    /// [`remove`](Self::remove).
    ///
    /// # Panics
    /// As `f`, and as `remove`; the values that were not looked at are kept.
    pub fn retain(&self, mut f: impl FnMut(Key, &T) -> bool) {
        for guard in self {
            let key = guard.key();
            if !f(key, &guard) {
                drop(guard);
                self.remove(key);
            }
        }
    }

    /// Removes all values that are there, as by [`remove`](Self::remove).
    ///
    /// # Panics
    /// As that; the values that were not come to are kept.
    pub fn clear(&self) {
        for key in self.keys() {
            self.remove(key);
        }
    }
}

impl<'a, T> IntoIterator for &'a Slab<T> {
    type Item = Guard<'a, T>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut Slab<T> {
    type Item = (Key, &'a mut T);
    type IntoIter = IterMut<'a, T>;

    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<T> IntoIterator for Slab<T> {
    type Item = (Key, T);
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { slab: self, from: 0 }
    }
}

/// # Panics
/// If the system refuses memory.
impl<T> Extend<T> for Slab<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        for value in values {
            if let Err(error) = self.insert(value) {
                panic!("a value was not inserted: {error}");
            }
        }
    }
}

/// # Panics
/// If the system refuses memory.
impl<T> FromIterator<T> for Slab<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut slab = Self::default();
        slab.extend(values);
        slab
    }
}

/// # Panics
/// If the system refuses per-CPU memory: [`Slab::new`] says so.
impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new().unwrap_or_else(|error| panic!("no slab: {error}"))
    }
}

/// What is not to be shown: others may change it meanwhile.
macro_rules! opaque {
    ($($name:ident$(<$life:lifetime>)?),+) => {$(
        impl<T> fmt::Debug for $name<$($life,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}
opaque!(Keys<'_>, Iter<'_>, IterMut<'_>, Drain<'_>, IntoIter);
