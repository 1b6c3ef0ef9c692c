//! [`Ref`]: a reference to an object that is counted per CPU.
//!
//! # Safety
//! Each `Ref` is one reference that the count counts (`shared.rs`, O2): made from one
//! that was taken, put by its drop.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;

use super::shared::{self, Shared};

/// A reference to the object of a [`PerCpuRef`](crate::PerCpuRef): it keeps the object
/// alive, and leads to it.
///
/// Owned: it may be kept, sent and dropped anywhere, and may outlive the owner.
/// Who drops the last one after the kill releases the object. Not for signal
/// handlers, as that may be there.
///
/// ```
/// use percpu_core::{PerCpuRef, Ref};
///
/// let owner = PerCpuRef::new(vec![1, 2, 3])?;
/// let one = owner.get();
/// let other = Ref::clone(&one);
/// drop(owner);                                  // kills
/// let sum = std::thread::spawn(move || other.iter().sum::<i32>());
/// assert_eq!(sum.join().unwrap(), 6);
/// assert!(Ref::is_dying(&one));
/// # Ok::<(), percpu_core::Error>(())
/// ```
///
/// # Performance
/// A clone and a drop are a section each until the kill, and an atomic instruction
/// each after it.
pub struct Ref<T> {
    // INVARIANT: this value owns a reference of the current life.
    shared: NonNull<Shared<T>>,
    owns: PhantomData<Shared<T>>,
}

// SAFETY: it leads to `&T` from any thread (T: Sync), and may drop the object, or hand
// it to the release, on any thread (T: Send); the release is both.
unsafe impl<T: Send + Sync> Send for Ref<T> {}
// SAFETY: as above, as `&Ref` can be cloned.
unsafe impl<T: Send + Sync> Sync for Ref<T> {}

impl<T: RefUnwindSafe> UnwindSafe for Ref<T> {}
impl<T: RefUnwindSafe> RefUnwindSafe for Ref<T> {}

impl<T> Ref<T> {
    /// # Safety
    /// A reference that the caller took, and gives up with this.
    #[inline(always)]
    pub(super) unsafe fn adopt(shared: NonNull<Shared<T>>) -> Self {
        Self { shared, owns: PhantomData }
    }

    #[inline(always)]
    fn shared(&self) -> &Shared<T> {
        // SAFETY: O2: the allocation is there while this reference is.
        unsafe { self.shared.as_ref() }
    }

    /// Whether the object was killed: its owner waits for the references to go.
    #[doc(alias = "percpu_ref_is_dying")]
    pub fn is_dying(this: &Self) -> bool {
        this.shared().raw.is_dying()
    }

    /// Whether both lead to the same object.
    pub fn ptr_eq(one: &Self, other: &Self) -> bool {
        one.shared == other.shared
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this is a reference, borrowed for as long.
        unsafe { self.shared().value() }
    }
}

impl<T> Clone for Ref<T> {
    #[doc(alias = "percpu_ref_get")]
    #[inline]
    fn clone(&self) -> Self {
        self.shared().raw.get();
        // SAFETY: just taken.
        unsafe { Self::adopt(self.shared) }
    }
}

impl<T> Drop for Ref<T> {
    #[doc(alias = "percpu_ref_put")]
    #[inline]
    fn drop(&mut self) {
        let putter = self.shared().raw.putter();
        // Once it is put, the allocation may be gone, unless it was the last.
        if putter.put_own() {
            // SAFETY: the last reference was just put.
            unsafe { shared::end(self.shared) };
        }
    }
}

impl<T> AsRef<T> for Ref<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
