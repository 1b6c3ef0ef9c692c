//! [`Zeroable`]: types that fresh memory already holds.
//!
//! # Safety
//!
//! Says of std's words and numbers, and of arrays of them, that zero is valid.

#![allow(unsafe_code)]

use crate::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8,
    AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
};
use crate::ops::DoubleWord;

/// Types for which all bytes zero are a valid value.
///
/// # Safety
/// A `T` whose bytes are all zero must be valid.
pub unsafe trait Zeroable {
    /// What zero bytes mean. Only under `--cfg percpu_loom`, whose atomics are
    /// more than their bytes: types that are to be modelled provide it.
    #[cfg(percpu_loom)]
    fn zero() -> Self
    where
        Self: Sized,
    {
        panic!("to model {} with loom, provide Zeroable::zero", core::any::type_name::<Self>())
    }
}

macro_rules! zeroable {
    ($($t:ty)*) => {$(
        // SAFETY: an integer, a float, or an atomic one; for a bool 0 is false.
        unsafe impl Zeroable for $t {
            #[cfg(percpu_loom)]
            fn zero() -> Self {
                Self::default()
            }
        }
    )*};
}

zeroable!(
    AtomicBool AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize
    AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize
    bool u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64
);
// SAFETY: a null pointer is a valid value of a raw pointer.
unsafe impl<T> Zeroable for AtomicPtr<T> {
    #[cfg(percpu_loom)]
    fn zero() -> Self {
        Self::default()
    }
}
// SAFETY: atomics and an open lock: the pair (0, 0).
unsafe impl Zeroable for DoubleWord {
    #[cfg(percpu_loom)]
    fn zero() -> Self {
        Self::new(0, 0)
    }
}
// SAFETY: each element is zero bytes.
unsafe impl<T: Zeroable, const N: usize> Zeroable for [T; N] {
    #[cfg(percpu_loom)]
    fn zero() -> Self {
        core::array::from_fn(|_| T::zero())
    }
}
