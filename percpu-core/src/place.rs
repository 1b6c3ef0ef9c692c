//! [`Place`]: a per-CPU pointer that may be used.
//!
//! # Safety
//!
//! The invariant of [`Place`] is what every section and every reader stands on;
//! who makes one promises it.

#![allow(unsafe_code)]

use core::marker::PhantomData;

/// A resolved per-CPU pointer to copies of `T`, good for `'a`.
///
/// INVARIANT: for each unit that is active now or becomes active during `'a`,
/// the unit's base + `pointer` is the address of a live, aligned, initialised
/// `T`, and nothing refers to it by `&mut` except through interior mutability.
pub(crate) struct Place<'a, T> {
    pointer: usize,
    copies: PhantomData<&'a T>,
}

impl<T> Clone for Place<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Place<'_, T> {}

impl<'a, T> Place<'a, T> {
    /// # Safety
    /// The invariant must hold for `pointer` and `'a`.
    #[inline(always)]
    pub(crate) unsafe fn new(pointer: usize) -> Self {
        Self { pointer, copies: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn pointer(self) -> usize {
        self.pointer
    }

    /// The copy that lies at `base`.
    ///
    /// # Safety
    /// `base` is the base of an active unit.
    #[inline(always)]
    pub(crate) unsafe fn at(self, base: usize) -> &'a T {
        let copy = core::ptr::with_exposed_provenance(base.wrapping_add(self.pointer));
        // SAFETY: the invariant, for this active unit.
        unsafe { &*copy }
    }
}

impl<'a, T> Place<'a, T> {
    /// The place of a part.
    ///
    /// # Safety
    /// In every `T` lies an aligned `W` at `offset`, as a part of it.
    #[inline(always)]
    pub(crate) unsafe fn field<W>(self, offset: usize) -> Place<'a, W> {
        // SAFETY: the caller's promise, in every unit.
        unsafe { Place::new(self.pointer.wrapping_add(offset)) }
    }
}

impl<T> Place<'_, T> {
    /// The base of the unit whose copy here is `copy`.
    #[inline]
    pub(crate) fn base_of(self, copy: &T) -> usize {
        core::ptr::from_ref(copy).addr().wrapping_sub(self.pointer)
    }
}

impl<'a, W, const N: usize> Place<'a, [W; N]> {
    /// The place of one element.
    ///
    /// # Panics
    /// If `index` is not below `N`.
    #[inline(always)]
    pub(crate) fn element(self, index: usize) -> Place<'a, W> {
        assert!(index < N, "index {index} of an array of {N} words");
        // SAFETY: an element lies inside its array, in every unit.
        unsafe { Place::new(self.pointer.wrapping_add(index * size_of::<W>())) }
    }
}
