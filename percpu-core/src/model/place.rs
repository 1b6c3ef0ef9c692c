//! [`Place`]: copies on the pretend machine. Twin of `src/place.rs`.
//!
//! # Safety
//!
//! Stands on the invariant of [`Place`], which `new` takes from a slice.

#![allow(unsafe_code)]

use core::marker::PhantomData;

/// One `T` for each unit, or one element of an array for each unit, good for
/// `'a`. The base of a unit is its number.
///
/// INVARIANT: for each unit, `first` and that many times `stride` bytes is the
/// address of a live `T`, in the allocation that `first` points into.
pub(crate) struct Place<'a, T> {
    first: *const T,
    stride: usize,
    copies: PhantomData<&'a T>,
}

impl<T> Clone for Place<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Place<'_, T> {}

// SAFETY: a place gives `&T`s, and nothing else.
unsafe impl<T: Sync> Send for Place<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Place<'_, T> {}

impl<'a, T> Place<'a, T> {
    /// The place of `copies`, one for each unit.
    pub(crate) fn new(copies: &'a [T]) -> Self {
        Self { first: copies.as_ptr(), stride: size_of::<T>(), copies: PhantomData }
    }

    /// The copy of the unit whose base is `base`.
    ///
    /// # Safety
    /// `base` is the base of a unit of this machine.
    pub(crate) unsafe fn at(self, base: usize) -> &'a T {
        // SAFETY: the invariant, for this unit: inside the allocation.
        let copy = unsafe { self.first.byte_add(base * self.stride) };
        // SAFETY: the invariant: a live `T`.
        unsafe { &*copy }
    }
}

impl<'a, T> Place<'a, T> {
    /// The place of a part.
    ///
    /// # Safety
    /// As its twin.
    pub(crate) unsafe fn field<W>(self, offset: usize) -> Place<'a, W> {
        // SAFETY: the caller's promise: inside of a `T`.
        let first = unsafe { self.first.byte_add(offset) }.cast();
        Place { first, stride: self.stride, copies: PhantomData }
    }
}

impl<T> Place<'_, T> {
    /// The base of the unit whose copy here is `copy`.
    pub(crate) fn base_of(self, copy: &T) -> usize {
        (core::ptr::from_ref(copy).addr() - self.first.addr()) / self.stride
    }
}

impl<'a, W, const N: usize> Place<'a, [W; N]> {
    /// The place of one element.
    ///
    /// # Panics
    /// If `index` is not below `N`.
    pub(crate) fn element(self, index: usize) -> Place<'a, W> {
        assert!(index < N, "index {index} of an array of {N} words");
        // SAFETY: an element lies inside its array.
        let first = unsafe { self.first.cast::<W>().add(index) };
        Place { first, stride: self.stride, copies: PhantomData }
    }
}
