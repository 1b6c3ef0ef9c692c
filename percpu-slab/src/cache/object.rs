//! [`Object`]: a value in an object of a cache.
//!
//! # Safety
//! An `Object` owns a slot of a cache and the value in it, as a `Box` does; what is
//! unsafe here is what a `Box` does too.

#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::ptr::NonNull;

use crate::raw::Claim;

/// A value in an object of a [`Cache`](crate::Cache): a `Box` whose memory comes from
/// there and goes back there.
///
/// It is one pointer wide and owns its value. It may be dropped on any thread and CPU,
/// and after its cache.
///
/// ```
/// use percpu_slab::{Cache, Object};
///
/// let cache = Cache::<Vec<u32>>::new()?;
/// let mut numbers: Object<Vec<u32>> = cache.alloc(vec![1, 2])?;
/// numbers.push(3);
/// drop(cache);
/// std::thread::spawn(move || assert_eq!(numbers.iter().sum::<u32>(), 6)).join().unwrap();
/// # Ok::<(), percpu_slab::Error>(())
/// ```
///
/// As of a `Box`, its functions take it as an argument, so that `T`'s methods are not
/// hidden: `Object::into_inner(object)`.
///
/// It is `Send` and `Sync` as its value is:
/// ```
/// fn is_sent(_: impl Send) {}
/// is_sent(percpu_slab::Cache::new()?.alloc(1_u32)?);
/// # Ok::<(), percpu_slab::Error>(())
/// ```
/// ```compile_fail
/// fn is_sent(_: impl Send) {}
/// is_sent(percpu_slab::Cache::new()?.alloc(std::rc::Rc::new(1_u32))?);
/// # Ok::<(), percpu_slab::Error>(())
/// ```
///
/// # Performance
/// To drop it is one section, beside what the value costs.
#[repr(transparent)]
pub struct Object<T> {
    /// INVARIANT: an object of a cache for values of `T`'s layout, with a value in it;
    /// both are this one's alone.
    pointer: NonNull<T>,
    _owns: PhantomData<T>,
}

// SAFETY: it owns its value, and nothing else depends on the thread.
unsafe impl<T: Send> Send for Object<T> {}
// SAFETY: as above; `&Object<T>` gives `&T`.
unsafe impl<T: Sync> Sync for Object<T> {}

/// Moves of an `Object` do not move the value.
impl<T> Unpin for Object<T> {}

impl<T> Object<T> {
    /// A value in an object that was just allocated.
    ///
    /// # Safety
    /// The object is the caller's, and fits `T`.
    #[inline(always)]
    pub(crate) unsafe fn write(object: NonNull<u8>, value: T) -> Self {
        let pointer = object.cast::<T>();
        // SAFETY: the caller's promise.
        unsafe { pointer.write(value) };
        Self { pointer, _owns: PhantomData }
    }

    /// As [`write`](Self::write), with what `make` returns; if it panics, the object is
    /// freed.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn write_with(object: NonNull<u8>, make: impl FnOnce() -> T) -> Self {
        /// Frees the object if `make` panics.
        struct Unused(NonNull<u8>);
        impl Drop for Unused {
            fn drop(&mut self) {
                // SAFETY: an object without a value that nobody else has.
                drop(unsafe { Claim::new(self.0, None) });
            }
        }
        let unused = Unused(object);
        let value = make();
        core::mem::forget(unused);
        // SAFETY: the caller's promise.
        unsafe { Self::write(object, value) }
    }

    /// Moves the value out, and frees the object.
    ///
    /// ```
    /// use percpu_slab::{Cache, Object};
    ///
    /// let object = Cache::new()?.alloc("a".to_string())?;
    /// assert_eq!(Object::into_inner(object), "a");
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    #[inline]
    pub fn into_inner(object: Self) -> T {
        let pointer = Self::into_non_null(object);
        // SAFETY: an object that was taken apart.
        let claim = unsafe { Claim::new(pointer.cast(), None) };
        let _claim = claim.expect("an object that was not allocated, or freed before");
        // SAFETY: it owned its value, which is moved out once: only the memory is freed.
        unsafe { pointer.read() }
    }

    /// The value for the rest of the program, or of what it borrows. Neither is ever
    /// dropped, and the cache keeps the memory.
    ///
    /// ```
    /// use percpu_slab::{Cache, Object};
    ///
    /// let name: &'static mut String = Object::leak(Cache::new()?.alloc("a".to_string())?);
    /// name.push('b');
    /// assert_eq!(name, "ab");
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    #[inline]
    pub fn leak<'a>(object: Self) -> &'a mut T
    where
        T: 'a,
    {
        // SAFETY: it owned its value, and nobody owns it afterwards.
        unsafe { Self::into_non_null(object).as_mut() }
    }

    /// A pointer that owns the object; see [`from_raw`](Self::from_raw).
    ///
    /// ```
    /// use percpu_slab::{Cache, Object};
    ///
    /// let pointer = Object::into_raw(Cache::new()?.alloc("a".to_string())?);
    /// // SAFETY: from `into_raw`, and once.
    /// let object = unsafe { Object::from_raw(pointer) };
    /// assert_eq!(*object, "a");
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    #[inline]
    pub fn into_raw(object: Self) -> *mut T {
        Self::into_non_null(object).as_ptr()
    }

    #[inline(always)]
    fn into_non_null(object: Self) -> NonNull<T> {
        ManuallyDrop::new(object).pointer
    }

    /// The object that a pointer owns.
    ///
    /// # Safety
    /// The pointer came from [`into_raw`](Self::into_raw) of an `Object<T>`, and is made
    /// an object once.
    #[inline]
    pub unsafe fn from_raw(pointer: *mut T) -> Self {
        // SAFETY: a pointer from `into_raw` is not null.
        let pointer = unsafe { NonNull::new_unchecked(pointer) };
        Self { pointer, _owns: PhantomData }
    }

    /// Pins the value: it stays where it is until it is dropped.
    ///
    /// ```
    /// use percpu_slab::{Cache, Object};
    ///
    /// let cache = Cache::new()?;
    /// let mut future = Object::pin(cache.alloc(async { 7 }).map_err(percpu_slab::Error::from)?);
    /// let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// assert!(future.as_mut().poll(&mut context).is_ready());
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    #[inline]
    pub fn pin(object: Self) -> Pin<Self> {
        // SAFETY: moving an object does not move its value, dropping it drops the value in
        // place before the memory is used again, and no safe function moves a value
        // out of a pinned object.
        unsafe { Pin::new_unchecked(object) }
    }

    /// Where the value is.
    #[inline]
    pub fn as_ptr(object: &Self) -> *const T {
        object.pointer.as_ptr()
    }

    /// Whether the two are one object.
    #[inline]
    pub fn ptr_eq(a: &Self, b: &Self) -> bool {
        a.pointer == b.pointer
    }
}

impl<T> Object<MaybeUninit<T>> {
    /// Writes the value.
    ///
    /// ```
    /// use percpu_slab::{Cache, Object};
    ///
    /// let cache = Cache::<[u64; 8]>::new()?;
    /// let object = Object::write_value(cache.alloc_uninit()?, [7; 8]);
    /// assert_eq!(object[7], 7);
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    #[inline]
    pub fn write_value(mut object: Self, value: T) -> Object<T> {
        (*object).write(value);
        // SAFETY: it was just written.
        unsafe { Self::assume_init(object) }
    }

    /// The object as one with a value.
    ///
    /// # Safety
    /// It has one.
    #[inline]
    pub unsafe fn assume_init(object: Self) -> Object<T> {
        Object { pointer: Self::into_non_null(object).cast(), _owns: PhantomData }
    }
}

impl<T> Drop for Object<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // Freed when this function ends: also if the value's drop panics, as a box is.
        // SAFETY: it owned the object, and is not used any more.
        let Some(_claim) = (unsafe { Claim::new(self.pointer.cast(), None) }) else { return };
        // SAFETY: it owns its value, and is not used any more.
        unsafe { self.pointer.drop_in_place() };
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: it owns its value.
        unsafe { self.pointer.as_ref() }
    }
}

impl<T> DerefMut for Object<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: it owns its value, and is borrowed mutably.
        unsafe { self.pointer.as_mut() }
    }
}
