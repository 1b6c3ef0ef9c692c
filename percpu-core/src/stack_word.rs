//! [`StackWord`]: what a per-CPU stack can hold.
//!
//! # Safety
//!
//! The implementations turn each value into bits and back; what is not a number
//! is turned back from its own bits only.

#![allow(unsafe_code)]

use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

/// Words that are initialised, for somebody who only writes.
pub(crate) fn as_uninit(words: &mut [u64]) -> &mut [MaybeUninit<u64>] {
    let words = ptr::from_mut(words) as *mut [MaybeUninit<u64>];
    // SAFETY: the same layout; the crate's sections write initialised words only.
    unsafe { &mut *words }
}

/// A value that fits in a 64-bit word: what a [`PerCpuStack`](crate::PerCpuStack)
/// can hold.
///
/// Integers and thin pointers. Plain values only, which nobody has to drop:
/// ```
/// let free = percpu_core::PerCpuStack::<core::ptr::NonNull<String>>::with_capacity(4)?;
/// # Ok::<(), percpu_core::Error>(())
/// ```
/// ```compile_fail,E0277
/// let free = percpu_core::PerCpuStack::<Box<String>>::with_capacity(4)?;
/// # Ok::<(), percpu_core::Error>(())
/// ```
/// Sealed. A pointer's provenance is exposed when it goes in, as
/// [`AtomicPtr`](core::sync::atomic::AtomicPtr)s of this crate do.
pub trait StackWord: Copy + private::Sealed {
    #[doc(hidden)]
    fn to_bits(self) -> u64;

    /// # Safety
    /// `bits` came from a value of this type.
    #[doc(hidden)]
    unsafe fn from_bits(bits: u64) -> Self;
}

mod private {
    pub trait Sealed {}
}

macro_rules! integers {
    ($($int:ty)*) => {$(
        impl private::Sealed for $int {}

        impl StackWord for $int {
            #[inline(always)]
            fn to_bits(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            unsafe fn from_bits(bits: u64) -> Self {
                bits as Self
            }
        }
    )*};
}

integers!(u8 i8 u16 i16 u32 i32 u64 i64 usize isize);

impl<T> private::Sealed for *mut T {}

impl<T> StackWord for *mut T {
    #[inline(always)]
    fn to_bits(self) -> u64 {
        self.expose_provenance() as u64
    }
    #[inline(always)]
    unsafe fn from_bits(bits: u64) -> Self {
        ptr::with_exposed_provenance_mut(bits as usize)
    }
}

impl<T> private::Sealed for *const T {}

impl<T> StackWord for *const T {
    #[inline(always)]
    fn to_bits(self) -> u64 {
        self.expose_provenance() as u64
    }
    #[inline(always)]
    unsafe fn from_bits(bits: u64) -> Self {
        ptr::with_exposed_provenance(bits as usize)
    }
}

impl<T> private::Sealed for NonNull<T> {}

impl<T> StackWord for NonNull<T> {
    #[inline(always)]
    fn to_bits(self) -> u64 {
        self.as_ptr().to_bits()
    }
    #[inline(always)]
    unsafe fn from_bits(bits: u64) -> Self {
        let pointer = ptr::with_exposed_provenance_mut(bits as usize);
        // SAFETY: the caller's word: it was not null.
        unsafe { NonNull::new_unchecked(pointer) }
    }
}

impl<T> private::Sealed for Option<NonNull<T>> {}

impl<T> StackWord for Option<NonNull<T>> {
    #[inline(always)]
    fn to_bits(self) -> u64 {
        self.map_or(0, NonNull::to_bits)
    }
    #[inline(always)]
    unsafe fn from_bits(bits: u64) -> Self {
        NonNull::new(ptr::with_exposed_provenance_mut(bits as usize))
    }
}
