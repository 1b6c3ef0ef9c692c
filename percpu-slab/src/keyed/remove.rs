//! Removing values from a [`Slab`], and dropping them once nobody reads them.

use super::key::Key;
use super::life::{self, Claim};
use super::slab::Slab;
use crate::error::Error;

impl<T> Slab<T> {
    /// Removes the value with this key; whether it was there. It cannot be found any more,
    /// and is dropped once nobody reads it: see [above](Self#when-values-are-dropped).
    ///
    /// ```
    /// let slab = percpu_slab::Slab::new()?;
    /// let key = slab.insert(7)?;
    /// let guard = slab.get(key).unwrap();
    /// assert!(slab.remove(key) && !slab.remove(key));
    /// assert_eq!(*guard, 7, "who has it, has it");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If a value that is dropped does.
    ///
    /// # Performance
    /// As [`take`](Self::take) if nobody ever read it. Else a short lock, and with each
    /// batch two fences.
    #[inline]
    pub fn remove(&self, key: Key) -> bool {
        let Some(slot) = self.slots.find(key.index()) else { return false };
        match life::claim(slot, key.generation()) {
            Claim::Alone => self.drop_in_place(key, slot),
            Claim::Gone => return false,
            Claim::Read => self.remove_later(key),
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn remove_later(&self, key: Key) {
        if self.removed.add(key, &self.domain) {
            // Refused a fence, they stay where they are: `poll` says so.
            let _ = self.poll();
        }
    }

    /// Drops removed values that nobody reads any more, as far as that can be told
    /// without waiting; how many.
    ///
    /// # Errors
    /// [`Error::PerCpu`] if the system refuses the fence that tells. Nothing is lost.
    ///
    /// # Panics
    /// If a value that is dropped does; the others are dropped.
    pub fn poll(&self) -> Result<usize, Error> {
        let advanced = self.domain.poll();
        let ready = self.drop_ready();
        advanced?;
        Ok(ready)
    }

    /// Waits until all values that were removed before this call can be dropped, and
    /// drops them, but for those that another thread is just dropping; how many.
    ///
    /// ```
    /// let slab = percpu_slab::Slab::new()?;
    /// let value = std::sync::Arc::new(7);
    /// let key = slab.insert(value.clone())?;
    /// assert_eq!(slab.with(key, |value| **value), Some(7));
    /// slab.remove(key);
    /// assert_eq!(slab.flush()?, 1);
    /// assert_eq!(std::sync::Arc::strong_count(&value), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    ///
    /// # Panics
    /// As that. In debug builds, if values wait and this thread has a guard of this slab,
    /// which would wait for itself.
    #[doc(alias = "kvfree_rcu_barrier")]
    pub fn flush(&self) -> Result<usize, Error> {
        if self.removed.pending() == 0 {
            return Ok(0);
        }
        self.removed.seal(&self.domain);
        self.domain.synchronize()?;
        Ok(self.drop_ready())
    }

    fn drop_ready(&self) -> usize {
        let ready = self.removed.ready(&self.domain);
        let count = ready.len();
        self.drop_each(ready.into_iter().filter_map(|key| self.slot(key)));
        count
    }
}
