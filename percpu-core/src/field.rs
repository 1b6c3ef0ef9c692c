//! [`Field`] and [`field!`](crate::field!): a part of a per-CPU struct.
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

/// Names a field of a struct, for [`Copies::field`](crate::Copies::field):
/// `field!(Type, path)`, the path as for `core::mem::offset_of!`.
///
/// ```
/// use percpu_core::{Field, PerCpu, Unit, atomic::AtomicU32, field};
///
/// struct Queue {
///     depth: AtomicU32,
///     waits: [AtomicU32; 8],
/// }
/// struct Node(Queue, Queue);
/// const DEPTH: Field<Node, AtomicU32> = field!(Node, 1.depth);
///
/// let queue = || Queue { depth: AtomicU32::new(1), waits: Default::default() };
/// let nodes = PerCpu::new_with(|_| Node(queue(), queue()))?;
/// nodes.field(DEPTH).inc();
/// nodes.field(field!(Node, 0.waits)).at(7).inc();
/// assert_eq!(nodes.field(DEPTH).sum(), 1 + Unit::all()?.count() as u32);
/// assert_eq!(nodes.field(field!(Node, 0.waits)).at(7).sum(), 1);
/// # Ok::<(), percpu_core::Error>(())
/// ```
/// Only fields of the struct itself will do, whose copies lie in it on every CPU;
/// what a field points to does not:
/// ```compile_fail,E0609
/// use percpu_core::{atomic::AtomicU32, field};
/// struct Inner { n: AtomicU32 }
/// struct Outer { inner: Box<Inner> }
/// let n = field!(Outer, inner.n);
/// ```
/// ```
/// use percpu_core::{atomic::AtomicU32, field};
/// struct Inner { n: AtomicU32 }
/// struct Outer { inner: Inner }
/// let n = field!(Outer, inner.n);
/// ```
/// nor is a field taken for what it dereferences to:
/// ```compile_fail,E0308
/// use percpu_core::{Field, field};
/// struct Outer { inner: Box<u32> }
/// let n: Field<Outer, u32> = field!(Outer, inner);
/// ```
/// Private fields stay private:
/// ```compile_fail,E0616
/// use percpu_core::{LocalLock, field};
/// let held = field!(LocalLock<u32>, held);
/// ```
/// and fields that may not be borrowed are refused: those of packed structs,
/// ```compile_fail,E0793
/// use percpu_core::{atomic::AtomicU32, field};
/// #[repr(packed)]
/// struct Packed { tag: u8, n: AtomicU32 }
/// let n = field!(Packed, n);
/// ```
/// and of unions:
/// ```compile_fail,E0133
/// use percpu_core::field;
/// union Either { small: u8, large: u32 }
/// let large = field!(Either, large);
/// ```
#[macro_export]
macro_rules! field {
    ($T:ty, $($path:tt)+) => {{
        // A pointer, which is never dereferenced to make it fit the type
        // expected; the reference shows that the field is aligned. No `unsafe`
        // covers the user's path.
        let project: fn(&$T) -> *const _ = |whole| {
            let _: &_ = &whole.$($path)+;
            &raw const whole.$($path)+
        };
        let offset = ::core::mem::offset_of!($T, $($path)+);
        // SAFETY: offset and function of the same field.
        unsafe { $crate::Field::<$T, _>::__new(offset, project) }
    }};
}
