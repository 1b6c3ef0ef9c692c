//! [`Field`]: a part of a per-CPU struct, that [`field!`](crate::field!) names.
//!
//! # Safety
//!
//! A [`Field`] stands for "at `offset` in every `T` lies a `W`". The macro takes
//! offset and type from one path, which `offset_of!` accepts for fields only,
//! without a dereference between.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;

use crate::copies::Copies;
use crate::element::Element;

/// Which part of a `T` is meant: its field of type `W`; from
/// [`field!`](crate::field!), for [`Copies::field`]. A number, known when
/// compiled.
pub struct Field<T, W> {
    /// INVARIANT: the offset of a `W` in every `T`, which is a part of it.
    offset: usize,
    types: PhantomData<fn(&T) -> &W>,
}

impl<T, W> Field<T, W> {
    /// For [`field!`](crate::field!) only.
    ///
    /// # Safety
    /// In every `T` lies an aligned `W` at `offset`: a field that whoever makes
    /// this may name, and to which the function leads.
    #[doc(hidden)]
    pub const unsafe fn __new(offset: usize, _: fn(&T) -> *const W) -> Self {
        Self { offset, types: PhantomData }
    }
}

impl<T, W> Clone for Field<T, W> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, W> Copy for Field<T, W> {}

impl<T, W> fmt::Debug for Field<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl<T> Copies<T> {
    /// A field of the struct; it has all the operations of its type.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    ///
    /// ```
    /// use percpu_core::{atomic::AtomicU64, field, percpu};
    ///
    /// struct Stats {
    ///     requests: AtomicU64,
    ///     errors: AtomicU64,
    /// }
    /// percpu! {
    ///     static STATS: Stats = Stats { requests: AtomicU64::new(0), errors: AtomicU64::new(0) };
    /// }
    ///
    /// STATS.field(field!(Stats, requests)).add(3);
    /// assert_eq!(STATS.field(field!(Stats, requests)).sum(), 3);
    /// assert_eq!(STATS.field(field!(Stats, errors)).sum(), 0);
    /// ```
    #[inline]
    pub fn field<W>(&self, field: Field<T, W>) -> Element<'_, W> {
        self.whole().field(field)
    }
}

impl<'a, T> Element<'a, T> {
    /// A field of this part, if it is a struct; see [`Copies::field`].
    #[inline]
    pub fn field<W>(self, field: Field<T, W>) -> Element<'a, W> {
        // SAFETY: the invariant of `Field`.
        let place = unsafe { self.place.field(field.offset) };
        Element { place, source: self.source.part(field.offset) }
    }
}
