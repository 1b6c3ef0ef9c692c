//! The body that needs nothing: ordinary atomic read-modify-writes.
//!
//! Used for every operation in portable mode, and in a process with sections
//! for threads without rseq, on the shared unit. A word is changed either by
//! sections or by these, never by both: which one is a property of the unit.
//!
//! Relaxed throughout: a per-CPU operation orders nothing but itself.

use crate::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8,
    AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed,
};

use crate::mutate::mutated;

/// A word a CPU can change in one commit: std's atomics of 8 to 64 bits.
///
/// Sealed: the sections are written for these types and no others.
///
/// ```
/// use percpu_core::{Copies, atomic::AtomicU64};
/// fn bump(word: &Copies<AtomicU64>) { word.add(1); }
/// ```
/// but takes its own type only, so no value is widened behind one's back:
/// ```compile_fail,E0308
/// use percpu_core::{Copies, atomic::AtomicI64};
/// fn bump(word: &Copies<AtomicI64>, n: u32) { word.add(n); }
/// ```
/// and there is none for wider ones:
/// ```compile_fail,E0599
/// use percpu_core::Copies;
/// fn bump(word: &Copies<u128>) { word.add(1); }
/// ```
/// nor plain integers, which nothing would synchronise:
/// ```compile_fail,E0599
/// use percpu_core::Copies;
/// fn bump(word: &Copies<u64>) { word.add(1); }
/// ```
pub trait Word: Sized + Send + Sync + private::Sealed {
    /// What the word holds.
    type Value: Copy + PartialEq + core::fmt::Debug;

    #[doc(hidden)]
    fn to_bits(value: Self::Value) -> u64;
    #[doc(hidden)]
    fn from_bits(bits: u64) -> Self::Value;
    #[doc(hidden)]
    fn get(&self) -> Self::Value;
    #[doc(hidden)]
    fn put(&self, value: Self::Value);
    #[doc(hidden)]
    fn exchange(&self, value: Self::Value) -> Self::Value;
    #[doc(hidden)]
    fn exchange_if(
        &self,
        current: Self::Value,
        new: Self::Value,
    ) -> Result<Self::Value, Self::Value>;
}

/// A word with bitwise operations: the integers and [`AtomicBool`].
pub trait BitWord: Word {
    #[doc(hidden)]
    fn and(&self, value: Self::Value) -> Self::Value;
    #[doc(hidden)]
    fn or(&self, value: Self::Value) -> Self::Value;
    #[doc(hidden)]
    fn xor(&self, value: Self::Value) -> Self::Value;
}

/// A word with arithmetic, wrapping in its own width: the integers.
///
/// ```
/// use percpu_core::{Copies, atomic::AtomicU8};
/// fn bump(word: &Copies<AtomicU8>) { word.add(1); }
/// ```
/// A flag has the bitwise operations, but no arithmetic:
/// ```
/// use percpu_core::{Copies, atomic::AtomicBool};
/// fn raise(flag: &Copies<AtomicBool>) { flag.or(true); }
/// ```
/// ```compile_fail,E0599
/// use percpu_core::{Copies, atomic::AtomicBool};
/// fn bump(flag: &Copies<AtomicBool>) { flag.add(true); }
/// ```
pub trait IntWord: BitWord {
    #[doc(hidden)]
    const ONE: Self::Value;
    #[doc(hidden)]
    fn negate(value: Self::Value) -> Self::Value;
    #[doc(hidden)]
    fn plus(a: Self::Value, b: Self::Value) -> Self::Value;
    #[doc(hidden)]
    fn add(&self, value: Self::Value) -> Self::Value;
}

mod private {
    pub trait Sealed {}
}

macro_rules! shared {
    () => {
        #[inline]
        fn get(&self) -> Self::Value {
            self.load(Relaxed)
        }
        #[inline]
        fn put(&self, value: Self::Value) {
            self.store(value, Relaxed);
        }
        #[inline]
        fn exchange(&self, value: Self::Value) -> Self::Value {
            self.swap(value, Relaxed)
        }
        #[inline]
        fn exchange_if(
            &self,
            current: Self::Value,
            new: Self::Value,
        ) -> Result<Self::Value, Self::Value> {
            self.compare_exchange(current, new, Relaxed, Relaxed)
        }
    };
}

macro_rules! bitwise {
    ($atomic:ty) => {
        impl BitWord for $atomic {
            #[inline]
            fn and(&self, value: Self::Value) -> Self::Value {
                self.fetch_and(value, Relaxed)
            }
            #[inline]
            fn or(&self, value: Self::Value) -> Self::Value {
                self.fetch_or(value, Relaxed)
            }
            #[inline]
            fn xor(&self, value: Self::Value) -> Self::Value {
                self.fetch_xor(value, Relaxed)
            }
        }
    };
}

macro_rules! integer {
    ($($atomic:ty: $int:ty as $bits:ty),* $(,)?) => {$(
        impl private::Sealed for $atomic {}

        impl Word for $atomic {
            type Value = $int;
            // Through the unsigned type of the same width: zero-extended.
            #[inline]
            fn to_bits(value: $int) -> u64 {
                value as $bits as u64
            }
            #[inline]
            fn from_bits(bits: u64) -> $int {
                bits as $int
            }
            shared!();
        }

        bitwise!($atomic);

        impl IntWord for $atomic {
            const ONE: $int = 1;
            #[inline]
            fn negate(value: $int) -> $int {
                value.wrapping_neg()
            }
            #[inline]
            fn plus(a: $int, b: $int) -> $int {
                a.wrapping_add(b)
            }
            #[inline]
            fn add(&self, value: $int) -> $int {
                if mutated("portable_split") {
                    let old = self.load(Relaxed);
                    self.store(old.wrapping_add(value), Relaxed);
                    return old;
                }
                self.fetch_add(value, Relaxed)
            }
        }
    )*};
}

integer!(
    AtomicU8: u8 as u8, AtomicI8: i8 as u8,
    AtomicU16: u16 as u16, AtomicI16: i16 as u16,
    AtomicU32: u32 as u32, AtomicI32: i32 as u32,
    AtomicU64: u64 as u64, AtomicI64: i64 as u64,
    AtomicUsize: usize as usize, AtomicIsize: isize as usize,
);

impl private::Sealed for AtomicBool {}

impl Word for AtomicBool {
    type Value = bool;
    #[inline]
    fn to_bits(value: bool) -> u64 {
        value.into()
    }
    #[inline]
    fn from_bits(bits: u64) -> bool {
        // One byte of a bool: a section leaves the register's rest undefined.
        bits & 1 != 0
    }
    shared!();
}

bitwise!(AtomicBool);

impl<T> private::Sealed for AtomicPtr<T> {}

impl<T> Word for AtomicPtr<T> {
    type Value = *mut T;
    #[inline]
    fn to_bits(value: *mut T) -> u64 {
        value.expose_provenance() as u64
    }
    #[inline]
    fn from_bits(bits: u64) -> *mut T {
        core::ptr::with_exposed_provenance_mut(bits as usize)
    }
    shared!();
}
