//! [`Store`]: values in slots, found by key.
//!
//! What `Slab` and `Pool` have in common; they differ in how a value ends ([`End`]).
//! Slots stay where they are as long as the store, so who comes with any key finds a
//! slot or none, and the slot's word says whether the key is good.
//!
//! # Safety
//!
//! Who may touch a slot's value when is in `state.rs`; each block says which row of its
//! table it stands on.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::num::NonZeroU32;
use core::ops::Range;

use percpu_counter::__raw::Pause;

use super::clear::Clear;
use super::config::{Config, Keys};
use super::state::{Marked, State};
use crate::keyed::{Acquired, Slot, SlotOptions, Slots};

/// How a value ends that nobody has any more.
///
/// # Safety
/// If `KEEPS`, the value is still one after its end.
pub(super) unsafe trait End<T> {
    /// Whether it stays in its slot.
    const KEEPS: bool;

    /// Ends the value.
    ///
    /// # Safety
    /// There is one, the caller has it to itself, and uses it no more unless it is kept.
    unsafe fn end(value: *mut T);
}

/// It is dropped.
pub(super) struct Drops;

// SAFETY: does not keep.
unsafe impl<T> End<T> for Drops {
    const KEEPS: bool = false;

    unsafe fn end(value: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { value.drop_in_place() }
    }
}

/// It is made empty, and waits for its next use.
pub(super) struct Clears;

// SAFETY: a safe method of the value leaves a value.
unsafe impl<T: Clear> End<T> for Clears {
    const KEEPS: bool = true;

    unsafe fn end(value: *mut T) {
        // SAFETY: the caller's promise.
        let value = unsafe { &mut *value };
        value.clear();
    }
}

/// Values in slots, found by key.
pub(super) struct Store<T, C: Config, E: End<T>> {
    slots: Slots<T>,
    _keys: PhantomData<fn() -> (C, E)>,
}

impl<T, C: Config, E: End<T>> Store<T, C, E> {
    /// # Panics
    /// If keys have no room, or per-CPU memory cannot be had.
    pub(super) fn new() -> Self {
        Keys::<C>::check();
        let options = SlotOptions {
            indices: Keys::<C>::INDICES,
            // A value that is kept would be lost with its page.
            discards: !E::KEEPS,
            ..SlotOptions::default()
        };
        match Slots::new(options) {
            Ok(slots) => Self { slots, _keys: PhantomData },
            Err(error) => panic!("no memory for a slab: {error}"),
        }
    }

    /// A free slot; `None` if there is no memory, or no number that a key has room for.
    #[inline]
    pub(super) fn claim(&self) -> Option<Claimed<'_, T, C, E>> {
        let Acquired { index, slot, .. } = self.slots.acquire().ok()?;
        Some(Claimed { store: self, slot, index })
    }

    /// A reference to the value of a key.
    #[inline]
    pub(super) fn get(&self, key: usize) -> Option<&Slot<T>> {
        let slot = self.slots.find(Keys::<C>::index(key))?;
        let found = State(&slot.state).acquire(Keys::<C>::generation(key), Keys::<C>::GENERATIONS);
        found.then_some(slot)
    }

    /// Whether a key finds a value.
    #[inline]
    pub(super) fn contains(&self, key: usize) -> bool {
        let slot = self.slots.find(Keys::<C>::index(key));
        let (generation, mask) = (Keys::<C>::generation(key), Keys::<C>::GENERATIONS);
        slot.is_some_and(|slot| State(&slot.state).has(generation, mask))
    }

    /// Takes the value of a key out of reach; it ends when nobody has it.
    #[inline]
    pub(super) fn remove(&self, key: usize) -> bool {
        let Some((index, slot)) = self.find(key) else { return false };
        match State(&slot.state).mark(Keys::<C>::generation(key), Keys::<C>::GENERATIONS) {
            Marked::Absent => return false,
            Marked::Deferred => (),
            // SAFETY: clearing, by this thread.
            Marked::Yours => unsafe { self.end(index, slot) },
        }
        true
    }

    /// Takes the value of a key out of reach, waits until nobody has it, and moves it
    /// out.
    pub(super) fn take(&self, key: usize) -> Option<T> {
        const { assert!(!E::KEEPS) }
        let (index, slot) = self.find(key)?;
        let state = State(&slot.state);
        if !state.take(Keys::<C>::generation(key), Keys::<C>::GENERATIONS) {
            return None;
        }
        let mut pause = Pause::default();
        while !state.is_alone() {
            pause.turn();
        }
        // SAFETY: taken, by this thread, and nobody has a reference.
        let value = unsafe { slot.value().read() };
        self.vacate(index, slot);
        Some(value)
    }

    /// Gives a reference from [`get`](Self::get) with this key up.
    ///
    /// # Safety
    /// There is one, and nobody uses it any more.
    #[inline]
    pub(super) unsafe fn release(&self, key: usize, slot: &Slot<T>) {
        if State(&slot.state).release() {
            // SAFETY: removed, and this was the last reference.
            unsafe { self.end_deferred(key, slot) }
        }
    }

    /// Ends a creation, and becomes a reference if there is to be one.
    ///
    /// # Safety
    /// The key is of [`Claimed::create`], and nobody uses the value any more but as a
    /// reference may.
    #[inline]
    pub(super) unsafe fn finish(&self, key: usize, slot: &Slot<T>, reference: bool) {
        if !State(&slot.state).finish(reference) && !reference {
            // SAFETY: clearing, by this thread.
            unsafe { self.end_deferred(key, slot) }
        }
    }

    /// # Safety
    /// As of [`end`](Self::end).
    #[cold]
    #[inline(never)]
    unsafe fn end_deferred(&self, key: usize, slot: &Slot<T>) {
        if let Some((index, _)) = self.find(key) {
            // SAFETY: the caller's promise.
            unsafe { self.end(index, slot) }
        }
    }

    /// Ends a value, and frees its slot.
    ///
    /// # Safety
    /// There is one, which is this thread's alone: clearing, or removed and without
    /// references.
    unsafe fn end(&self, index: NonZeroU32, slot: &Slot<T>) {
        if E::KEEPS {
            // After a panic the slot is not used again: nobody is to be given what is
            // half cleared. The value goes with the store.
            //
            // SAFETY: the caller's promise.
            unsafe { E::end(slot.value()) };
            self.vacate(index, slot);
        } else {
            // What is dropped is gone, panic or not.
            let _vacate = Vacate { store: self, index, slot };
            // SAFETY: the caller's promise.
            unsafe { E::end(slot.value()) };
        }
    }

    /// Frees a slot whose value has ended, by this thread.
    #[inline]
    fn vacate(&self, index: NonZeroU32, slot: &Slot<T>) {
        let used = State(&slot.state).generation();
        State(&slot.state).free(E::KEEPS);
        self.slots.release(index, used);
    }

    #[inline]
    fn find(&self, key: usize) -> Option<(NonZeroU32, &Slot<T>)> {
        let index = NonZeroU32::new(Keys::<C>::index(key))?;
        Some((index, self.slots.find(index.get())?))
    }

    /// The value in a slot that a key finds.
    ///
    /// # Safety
    /// Nothing is done with the store but this as long as the reference is used.
    pub(super) unsafe fn value(&self, index: u32) -> Option<&T> {
        let slot = self.slots.find(index)?;
        if !State(&slot.state).is_present() {
            return None;
        }
        // SAFETY: present, and it stays so by the caller's promise.
        Some(unsafe { &*slot.value() })
    }

    /// The indices of the first page from that of `from` on that has slots in use.
    pub(super) fn page_from(&self, from: u64) -> Option<Range<u64>> {
        self.slots.pages_from(from)
    }

    /// How many slots are in use; exact if nobody moves any meanwhile.
    pub(super) fn len(&self) -> usize {
        self.slots.in_use()
    }
}

impl<T, C: Config, E: End<T>> Drop for Store<T, C, E> {
    fn drop(&mut self) {
        // Slots that are free have values too, if these are kept.
        let mut rest = if E::KEEPS { Some(self.slots.indices()) } else { self.page_from(0) };
        while let Some(indices) = rest {
            let end = indices.end;
            for slot in indices.filter_map(|index| self.slots.find(index as u32)) {
                if State(&slot.state).is_occupied() {
                    // SAFETY: there is a value, and nobody else is here: guards keep the
                    // store, and those that were leaked are used no more.
                    unsafe { slot.value().drop_in_place() };
                }
            }
            rest = if E::KEEPS { None } else { self.page_from(end) };
        }
    }
}

impl<T, C: Config, E: End<T>> fmt::Debug for Store<T, C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("len", &self.len())
            .field("config", &Keys::<C>::describe())
            .finish()
    }
}

/// Frees the slot in the end.
struct Vacate<'a, T, C: Config, E: End<T>> {
    store: &'a Store<T, C, E>,
    index: NonZeroU32,
    slot: &'a Slot<T>,
}

impl<T, C: Config, E: End<T>> Drop for Vacate<'_, T, C, E> {
    fn drop(&mut self) {
        self.store.vacate(self.index, self.slot);
    }
}

/// A free slot that is to be filled; dropped, it is free again, and its key was never
/// anybody's.
pub(super) struct Claimed<'a, T, C: Config, E: End<T>> {
    store: &'a Store<T, C, E>,
    slot: &'a Slot<T>,
    index: NonZeroU32,
}

impl<'a, T, C: Config, E: End<T>> Claimed<'a, T, C, E> {
    #[inline]
    pub(super) fn key(&self) -> usize {
        Keys::<C>::key(self.index.get(), State(&self.slot.state).generation())
    }

    /// Puts a value in that is there at once.
    #[inline]
    pub(super) fn insert(self, value: T) {
        const { assert!(!E::KEEPS) }
        let claimed = ManuallyDrop::new(self);
        // SAFETY: free, and given to this thread; there is no value yet.
        unsafe { claimed.slot.value().write(value) };
        State(&claimed.slot.state).publish();
    }

    /// Begins a creation: with the value that was kept, or with `T`'s default. It is the
    /// caller's alone until [`Store::finish`].
    #[inline]
    pub(super) fn create(self) -> &'a Slot<T>
    where
        T: Default,
    {
        const { assert!(E::KEEPS) }
        let state = State(&self.slot.state);
        if !state.is_kept() {
            let value = T::default();
            // SAFETY: free, and given to this thread; there is no value yet.
            unsafe { self.slot.value().write(value) };
        }
        state.begin();
        ManuallyDrop::new(self).slot
    }
}

impl<T, C: Config, E: End<T>> Drop for Claimed<'_, T, C, E> {
    fn drop(&mut self) {
        let state = State(&self.slot.state);
        let used = state.generation();
        // Somebody may remember the key: it is not used again.
        state.free(state.is_kept());
        self.store.slots.release(self.index, used);
    }
}
