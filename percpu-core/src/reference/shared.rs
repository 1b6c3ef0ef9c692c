//! [`Shared`]: the allocation behind an owner and its references.
//!
//! ```text
//!   PerCpuRef ---- a share ------.
//!                                 +-> Shared: count, shares, vacant, release, value
//!   Ref, Ref, Ref -- a reference -'              |                       |
//!          all of one life together: a share ----+        lives with a life
//! ```
//! A *life* is from `new` or `reinit` to the last put. The object ends with its life,
//! the allocation with the last share.
//!
//! # Invariants
//! - O1: `shares` counts the owner and each life whose release has not ended. Who
//!   gives the last one back frees the allocation.
//! - O2: whoever has a reference has one that the count counts, so the life has not
//!   ended and the allocation is there. (References of this kind are put once each, by
//!   their drop, and none is put that was not got: the count cannot fall short.)
//! - O3: during a life the value is initialised, and only `&T` of it exist. Who put
//!   the last reference has it alone until it says `vacant`; from then on, `reinit` has
//!   the place alone, by the lock under which it prepares.
//! - O4: the count does not wrap to zero while references exist. In atomic mode the
//!   process is aborted long before, as by `Arc`. Per-CPU it counts modulo 2^63, and
//!   each reference is taken by a section of its own: to forget 2^63 of them, one a
//!   nanosecond and in one life, takes a CPU 292 years, and a thousand CPUs that do
//!   nothing else more than three months. Whatever was forgotten short of that is not
//!   zero when the life ends, and the object leaks.
//!
//! # Safety
//! Stands on these, which the owner and the references keep.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::error::RefError;
use super::options::RefOptions;
use super::raw::RawRef;
use crate::atomic::{AtomicBool, AtomicUsize, Ordering, acquire};
use crate::error::Error;
use crate::mutate::{mutated, order};

/// What is done with the object of a life that ended.
pub(super) type Release<T> = Box<dyn Fn(T) + Send + Sync>;

// In this order: what is read beside every get and put comes first.
#[repr(C)]
pub(super) struct Shared<T> {
    pub(super) raw: RawRef,
    /// O1.
    shares: AtomicUsize,
    /// Whether there is no value, nor anybody who still does something with it.
    vacant: AtomicBool,
    release: Option<Release<T>>,
    /// Stands for the allocation: loom notices who frees it too early.
    #[cfg(percpu_loom)]
    alive: crate::engine::cell::UnsafeCell<()>,
    /// O3.
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Shared<T> {
    /// An allocation with the owner's share, and a life if there is a value.
    pub(super) fn allocate(
        value: Option<T>,
        options: RefOptions,
        release: Option<Release<T>>,
    ) -> Result<NonNull<Self>, Error> {
        let options = if value.is_none() { options.init_dead() } else { options };
        let shared = Self {
            raw: RawRef::with_options(options)?,
            shares: AtomicUsize::new(1 + usize::from(value.is_some())),
            vacant: AtomicBool::new(value.is_none()),
            release,
            #[cfg(percpu_loom)]
            alive: crate::engine::cell::UnsafeCell::new(()),
            value: UnsafeCell::new(value.map_or(MaybeUninit::uninit(), MaybeUninit::new)),
        };
        Ok(NonNull::from(Box::leak(Box::new(shared))))
    }

    /// The object.
    ///
    /// # Safety
    /// The caller has a reference, for as long as the result is used.
    #[inline(always)]
    pub(super) unsafe fn value(&self) -> &T {
        // SAFETY: O3: nobody has it alone while a reference exists.
        let value = unsafe { &*self.value.get() };
        // SAFETY: O3: it is initialised.
        unsafe { value.assume_init_ref() }
    }

    /// Whether no object is there and nobody is releasing one.
    pub(super) fn is_vacant(&self) -> bool {
        // Acquire: partner is `Ended`.
        self.vacant.load(order(Ordering::Acquire, "ref_vacant_relaxed"))
    }

    /// Starts another life with `value`. By the owner.
    pub(super) fn reinit(&self, value: T) -> Result<(), (T, RefError)> {
        let mut value = Some(value);
        let done = self.raw.reinit_with(|| {
            if !self.is_vacant() && !mutated("ref_reinit_early") {
                return Err(RefError::NotZero);
            }
            // SAFETY: O3: vacant, seen under the lock that `reinit_with` holds.
            let place = unsafe { &mut *self.value.get() };
            place.write(value.take().expect("called once"));
            // Relaxed: nobody looks before the count says that there is a life, but
            // `is_vacant` and `reinit`, which is under the same lock.
            self.vacant.store(false, Ordering::Relaxed);
            // Relaxed: by the owner, who has a share.
            self.shares.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        match (done, value) {
            (Err(error), Some(value)) => Err((value, error)),
            _ => Ok(()),
        }
    }
}

/// Ends a life: releases the object and gives the life's share back.
///
/// # Safety
/// The caller has just put the last reference.
#[cold]
#[inline(never)]
pub(super) unsafe fn end<T>(this: NonNull<Shared<T>>) {
    /// Says that the place is vacant, also should the release panic.
    struct Ended<T>(NonNull<Shared<T>>);
    impl<T> Drop for Ended<T> {
        fn drop(&mut self) {
            // SAFETY: O1: the life's share is still there.
            let shared = unsafe { self.0.as_ref() };
            // Release: what was done with the object comes before the next one;
            // partner: `is_vacant`.
            shared.vacant.store(true, order(Ordering::Release, "ref_ended_relaxed"));
            // SAFETY: the life's share, given back once.
            unsafe { leave(self.0) };
        }
    }
    let ended = Ended(this);
    // SAFETY: O1: the life's share is still there.
    let shared = unsafe { ended.0.as_ref() };
    // SAFETY: O3: the caller put the last reference and has the value alone.
    let value = unsafe { &mut *shared.value.get() };
    match &shared.release {
        // SAFETY: O3: it is initialised; nobody looks at it after this.
        None => unsafe { value.assume_init_drop() },
        // SAFETY: as above.
        Some(release) => release(unsafe { value.assume_init_read() }),
    }
}

/// Gives a share back, and frees the allocation if it was the last.
///
/// # Safety
/// The share is the caller's, and not used after this.
pub(super) unsafe fn leave<T>(this: NonNull<Shared<T>>) {
    // SAFETY: O1: the share is there.
    let shares = unsafe { &this.as_ref().shares };
    #[cfg(percpu_loom)]
    // SAFETY: O1: the share is there.
    unsafe { this.as_ref() }.alive.with(|_| ());
    // Release: what this one did is done; partner: the fence of who frees.
    if shares.fetch_sub(1, order(Ordering::Release, "ref_share_relaxed")) != 1 {
        return;
    }
    if !mutated("ref_freed_no_fence") {
        acquire(|order| shares.load(order));
    }
    #[cfg(percpu_loom)]
    // SAFETY: O1: the last share.
    unsafe { this.as_ref() }.alive.with_mut(|_| ());
    // SAFETY: O1: the last share; it came from a box. No life is there, as it would
    // have a share, so there is no value to drop.
    drop(unsafe { Box::from_raw(this.as_ptr()) });
}
