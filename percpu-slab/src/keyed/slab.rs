//! [`Slab`]: values by key.
//!
//! A slot's life and who may do what in it is in `life.rs`, where slots come from in
//! `slots.rs`, and what waits for readers in `removed.rs`.
//!
//! # Safety
//!
//! Reads, moves and drops values in slots, as far as `life.rs` lets: the owner of a slot
//! that was acquired or claimed has it alone, who reads has a section.

#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use percpu_core::__raw::keep_first;
use percpu_counter::Domain;

use super::error::InsertError;
use super::guard::Guard;
use super::key::Key;
use super::life::{self, Claim};
use super::removed::Removed;
use super::slot::Slot;
use super::slot_options::SlotOptions;
use super::slots::{Acquired, Slots};
use crate::error::Error;

/// How many values are removed between two steps towards dropping them.
pub(super) const BATCH: usize = 32;

/// Values by key: found, inserted and removed by any thread, without a lock.
///
/// Each value has a [`Key`] that no later value is found by, and an address that it
/// keeps. Slots that are free are kept by the CPU that freed them; no thread is
/// registered, and none leaves anything behind.
///
/// ```
/// use percpu_slab::Slab;
///
/// let sessions = Slab::new()?;
/// let key = sessions.insert(String::from("first"))?;
/// assert_eq!(*sessions.get(key).unwrap(), "first");
/// assert_eq!(sessions.take(key).as_deref(), Some("first"));
/// assert!(sessions.get(key).is_none(), "for good");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When values are dropped
/// [`take`](Self::take) and [`try_take`](Self::try_take) give the value to the caller.
/// [`remove`](Self::remove) drops it, at once if nobody ever read it. Else somebody may
/// be reading it, and it waits in a batch, until all who read in this slab at that moment
/// have left. *Nothing runs by itself.* What is ready is dropped by a thread that removes
/// (each time a batch is complete, of 32 values by default), that inserts and finds
/// no free slots on its CPU and node, or that calls [`poll`](Self::poll),
/// [`flush`](Self::flush) or [`shrink`](Self::shrink). So if nobody does any of this, and
/// nobody reads, at most a batch and what a reader of the last such moment held up stay
/// where they are; the slab drops them with itself.
///
/// # Panics of values
/// If dropping a value panics, its slot is free again, and others that were to be dropped
/// by the same call are dropped. `T`'s code may call the slab: no lock is held.
///
/// # Performance
/// Reading writes the CPU's own words only, two operations of `percpu_core`; the first
/// reader of each value sets a flag beside it. Inserting and taking a value that nobody
/// read costs one operation each, and one atomic instruction.
///
/// # Which threads
/// ```
/// fn shared<T: Send + Sync>() {}
/// shared::<percpu_slab::Slab<u32>>();
/// ```
/// A value is read by any thread and dropped by another:
/// ```compile_fail,E0277
/// fn shared<T: Sync>() {}
/// shared::<percpu_slab::Slab<std::cell::Cell<u32>>>();
/// ```
/// ```compile_fail,E0277
/// fn sent<T: Send>() {}
/// sent::<percpu_slab::Slab<std::rc::Rc<u32>>>();
/// ```
pub struct Slab<T> {
    pub(super) slots: Slots<T>,
    pub(super) domain: Domain,
    pub(super) removed: Removed,
    /// Owns values, and drops them.
    _values: PhantomData<T>,
}

impl<T> Slab<T> {
    /// An empty slab, without a limit.
    ///
    /// # Errors
    /// [`Error::PerCpu`] if the system refuses per-CPU memory. Slots come with the values.
    pub fn new() -> Result<Self, Error> {
        Self::with_options(SlotOptions::default(), BATCH)
    }

    pub(super) fn with_options(options: SlotOptions, batch: usize) -> Result<Self, Error> {
        Ok(Self {
            slots: Slots::new(options)?,
            domain: Domain::new()?,
            removed: Removed::new(batch),
            _values: PhantomData,
        })
    }

    /// Inserts a value; its key.
    ///
    /// # Errors
    /// [`Error::LimitReached`], [`Error::OutOfMemory`], with the value. Values that were
    /// removed and wait for readers count.
    #[inline]
    pub fn insert(&self, value: T) -> Result<Key, InsertError<T>> {
        match self.slots.acquire_at_once() {
            Some(acquired) => Ok(self.fill(&acquired, value)),
            None => self.insert_slow(value),
        }
    }

    /// All of it once more: what the fast path has stays in registers.
    #[cold]
    #[inline(never)]
    fn insert_slow(&self, value: T) -> Result<Key, InsertError<T>> {
        match self.acquire() {
            Ok(acquired) => Ok(self.fill(&acquired, value)),
            Err(error) => Err(InsertError::new(value, error)),
        }
    }

    /// A slot that the caller has alone.
    pub(super) fn acquire(&self) -> Result<Acquired<'_, T>, Error> {
        let acquired = self.slots.acquire_after(|| {
            if self.removed.pending() > 0 {
                // Refused a fence, they stay where they are: `poll` says so.
                let _ = self.poll();
            }
        });
        match acquired {
            Ok(acquired) => Ok(acquired),
            Err(error) => self.acquire_again(error),
        }
    }

    #[cold]
    #[inline(never)]
    fn acquire_again(&self, error: Error) -> Result<Acquired<'_, T>, Error> {
        if self.removed.pending() == 0 {
            return Err(error);
        }
        self.removed.seal(&self.domain);
        let _ = self.poll();
        self.slots.acquire()
    }

    /// Puts the value into a slot that the caller has alone, and never uses again.
    #[inline(always)]
    pub(super) fn fill(&self, acquired: &Acquired<'_, T>, value: T) -> Key {
        let Acquired { index, generation, slot } = *acquired;
        // SAFETY: the slot is the caller's alone, and has no value.
        unsafe { slot.value().write(value) };
        life::fill(slot, generation);
        Key::new(index, generation)
    }

    /// The value with this key, to be read.
    ///
    /// # Performance
    /// A section of a [`Domain`] and two loads. No line is written that another CPU uses,
    /// but by the first reader of each value.
    #[inline]
    pub fn get(&self, key: Key) -> Option<Guard<'_, T>> {
        let reading = self.domain.read();
        let value = self.find(key)?;
        // SAFETY: the section is open, and the guard keeps it open (L1).
        let value = unsafe { &*value };
        Some(Guard::new(value, key, reading))
    }

    /// Reads the value with this key.
    ///
    /// ```
    /// let slab = percpu_slab::Slab::new()?;
    /// let key = slab.insert(String::from("seven"))?;
    /// assert_eq!(slab.with(key, String::len), Some(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn with<R>(&self, key: Key, f: impl FnOnce(&T) -> R) -> Option<R> {
        self.get(key).map(|guard| f(&guard))
    }

    /// Where the value is, for a caller in a section, until its end.
    #[inline(always)]
    pub(super) fn find(&self, key: Key) -> Option<*mut T> {
        let slot = self.slots.find(key.index())?;
        life::read(slot, key.generation()).then(|| slot.value())
    }

    /// The value with this key, to be changed: nobody else has it.
    ///
    /// ```
    /// let mut slab = percpu_slab::Slab::new()?;
    /// let key = slab.insert(1)?;
    /// *slab.get_mut(key).unwrap() += 1;
    /// assert_eq!(slab.take(key), Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.find(key.index())?;
        if !life::is_there(slot, key.generation()) {
            return None;
        }
        // SAFETY: the slab is borrowed alone, and with it all guards are gone: they
        // borrow it or own a part of it.
        Some(unsafe { &mut *slot.value() })
    }

    /// Whether there is a value with this key.
    #[inline]
    pub fn contains(&self, key: Key) -> bool {
        self.slots.find(key.index()).is_some_and(|slot| life::is_there(slot, key.generation()))
    }

    pub(super) fn slot(&self, key: Key) -> Option<(Key, &Slot<T>)> {
        Some((key, self.slots.find(key.index())?))
    }

    /// Drops values that are the caller's.
    ///
    /// # Panics
    /// If one of them does, after all are dropped; unless the thread is panicking as it
    /// is.
    pub(super) fn drop_each<'a>(&'a self, values: impl Iterator<Item = (Key, &'a Slot<T>)>) {
        let mut first = None;
        for (key, slot) in values {
            let drop = AssertUnwindSafe(|| self.drop_in_place(key, slot));
            keep_first(&mut first, catch_unwind(drop));
        }
        if let Some(panic) = first.filter(|_| !std::thread::panicking()) {
            resume_unwind(panic);
        }
    }

    /// Moves a value out that is the caller's.
    #[inline(always)]
    pub(super) fn move_out(&self, key: Key, slot: &Slot<T>) -> T {
        // SAFETY: the slot was claimed, and nobody reads it.
        let value = unsafe { slot.value().read() };
        self.release(key);
        value
    }

    /// Drops a value that is the caller's.
    #[inline]
    pub(super) fn drop_in_place(&self, key: Key, slot: &Slot<T>) {
        /// However the drop ends, the slot is free.
        struct Release<'a, T>(&'a Slab<T>, Key);
        impl<T> Drop for Release<'_, T> {
            fn drop(&mut self) {
                self.0.release(self.1);
            }
        }
        let _release = Release(self, key);
        // SAFETY: the slot was claimed, and nobody reads it.
        unsafe { slot.value().drop_in_place() };
    }

    #[inline(always)]
    fn release(&self, key: Key) {
        if let Some(index) = NonZeroU32::new(key.index()) {
            self.slots.release(index, key.generation());
        }
    }

    /// As [`take`](Self::take), for who has the slab alone: nobody reads.
    pub(super) fn take_alone(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.find(key.index())?;
        match life::claim(slot, key.generation()) {
            Claim::Gone => None,
            Claim::Alone | Claim::Read => Some(self.move_out(key, slot)),
        }
    }

    /// The first value from index `from` on that is there.
    pub(super) fn next_there(&self, from: u64) -> Option<(Key, &Slot<T>)> {
        let mut from = from;
        while let Some(range) = self.slots.pages_from(from) {
            for index in range.start.max(from)..range.end {
                // An index has 32 bits.
                let index = NonZeroU32::new(index as u32)?;
                let slot = self.slots.find(index.get())?;
                if let Some(generation) = life::there(slot) {
                    return Some((Key::new(index, generation), slot));
                }
            }
            from = range.end;
        }
        None
    }
}

impl<T> Drop for Slab<T> {
    /// Drops all values: those that are there, and those that were removed.
    fn drop(&mut self) {
        // Guards borrow the slab or own a part of it: nobody reads.
        let removed = self.removed.take_all();
        let slab = &*self;
        let removed = removed.into_iter().filter_map(|key| slab.slot(key));
        let mut from = 0;
        let there = core::iter::from_fn(|| {
            let (key, slot) = slab.next_there(from)?;
            from = u64::from(key.index()) + 1;
            life::claim(slot, key.generation());
            Some((key, slot))
        });
        slab.drop_each(removed.chain(there));
    }
}
