//! Taking values out of a [`Slab`]: waiting for who reads, or not.

use core::mem;

use percpu_core::__raw::mutated;

use super::error::TryTakeError;
use super::key::Key;
use super::life::{self, Claim, Try};
use super::slab::Slab;
use super::slot::Slot;

impl<T> Slab<T> {
    /// Takes the value with this key out. It cannot be found any more from the beginning
    /// of this call on, and this call waits until nobody reads it.
    ///
    /// # Panics
    /// In debug builds, if the value was ever read and this thread has a guard of this
    /// slab, which would wait for itself; in release builds that waits for ever. Also if
    /// the system refuses the fence that tells whether somebody reads
    /// ([`try_take`](Self::try_take) has an error for that). The value is there again
    /// then.
    ///
    /// # Performance
    /// If nobody ever read the value: an atomic instruction, and it waits for nobody.
    /// Else as [`Domain::synchronize`].
    #[inline]
    pub fn take(&self, key: Key) -> Option<T> {
        let slot = self.slots.find(key.index())?;
        match life::claim(slot, key.generation()) {
            Claim::Alone => Some(self.move_out(key, slot)),
            Claim::Gone => None,
            Claim::Read => self.take_read(key, slot),
        }
    }

    #[cold]
    #[inline(never)]
    fn take_read(&self, key: Key, slot: &Slot<T>) -> Option<T> {
        /// However this ends without the value out, it can be found again.
        struct Unclaim<'a, T>(&'a Slot<T>, u32);
        impl<T> Drop for Unclaim<'_, T> {
            fn drop(&mut self) {
                life::unclaim(self.0, self.1);
            }
        }
        let unclaim = Unclaim(slot, key.generation());
        let waited = match mutated("take_does_not_wait") {
            true => Ok(()),
            false => self.domain.synchronize(),
        };
        if let Err(error) = waited {
            drop(unclaim);
            panic!("nobody can tell whether the value is being read: {error}");
        }
        mem::forget(unclaim);
        Some(self.move_out(key, slot))
    }

    /// Takes the value with this key out, unless somebody may be reading it, or anything
    /// else in this slab. It waits for nobody.
    ///
    /// ```
    /// use percpu_slab::{Slab, keyed::TryTakeError};
    /// let slab = Slab::new()?;
    /// let key = slab.insert(7)?;
    /// let guard = slab.get(key).unwrap();
    /// assert_eq!(slab.try_take(key), Err(TryTakeError::Busy));
    /// drop(guard);
    /// assert_eq!(slab.try_take(key), Ok(7));
    /// assert_eq!(slab.try_take(key), Err(TryTakeError::NotFound));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The value is still there, unless it is [`TryTakeError::NotFound`].
    ///
    /// # Performance
    /// If nobody ever read the value: an atomic instruction. Else two fences.
    pub fn try_take(&self, key: Key) -> Result<T, TryTakeError> {
        let Some(slot) = self.slots.find(key.index()) else { return Err(TryTakeError::NotFound) };
        let generation = key.generation();
        match life::try_claim(slot, generation) {
            Try::Gone => return Err(TryTakeError::NotFound),
            Try::Busy => return Err(TryTakeError::Busy),
            Try::Alone => {}
            Try::Begun => {
                if let Err(error) = self.nobody_reads() {
                    life::give_up(slot, generation);
                    return Err(error);
                }
                if !life::finish(slot, generation) {
                    return Err(TryTakeError::Busy);
                }
            }
        }
        Ok(self.move_out(key, slot))
    }

    /// Whether a whole grace period can be had now, without waiting.
    fn nobody_reads(&self) -> Result<(), TryTakeError> {
        let readers = self.domain.start();
        if self.domain.is_past(readers) || mutated("try_take_sees_nobody") {
            return Ok(());
        }
        // Once more, for the reason.
        self.domain.poll().map_err(TryTakeError::Refused)?;
        if self.domain.is_past(readers) { Ok(()) } else { Err(TryTakeError::Busy) }
    }
}
