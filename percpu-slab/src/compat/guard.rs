//! [`Shared`], [`Exclusive`]: what keeps a value, by a borrow or by a part of an `Arc`.
//!
//! # Safety
//!
//! A guard has a reference to a slot, or is its creator, from the moment it is made until
//! it is dropped; what it keeps the store by is dropped after that.

#![allow(unsafe_code)]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use std::sync::Arc;

use super::config::Config;
use super::store::{Claimed, End, Store};
use crate::keyed::Slot;

/// Something around a [`Store`].
///
/// # Safety
/// Always the same one, which lives until this is dropped.
pub(super) unsafe trait HasStore {
    type Value;
    type Config: Config;
    type End: End<Self::Value>;

    fn store(&self) -> &Store<Self::Value, Self::Config, Self::End>;
}

/// Keeps what it points to, where it is.
///
/// # Safety
/// It always points to the same thing, also after it was moved.
pub(super) unsafe trait Keeps: Deref<Target: HasStore> {}

// SAFETY: a reference.
unsafe impl<S: HasStore> Keeps for &S {}
// SAFETY: counted.
unsafe impl<S: HasStore> Keeps for Arc<S> {}

/// What a guard gives access to.
pub(super) type Value<P> = <<P as Deref>::Target as HasStore>::Value;

/// One reference to a value.
pub(super) struct Shared<P: Keeps> {
    /// INVARIANT: of the store that `keeps` leads to, with a reference that is this
    /// guard's.
    slot: NonNull<Slot<Value<P>>>,
    key: usize,
    keeps: P,
}

// SAFETY: gives `&T`, and may drop a `T` where it is dropped. As `Keeps` is sent or
// shared with it, `T` may be reached from several threads already.
unsafe impl<P: Keeps + Send> Send for Shared<P> where Value<P>: Send + Sync {}
// SAFETY: gives `&T`.
unsafe impl<P: Keeps + Sync> Sync for Shared<P> where Value<P>: Sync {}

impl<P: Keeps> Shared<P> {
    #[inline]
    pub(super) fn get(keeps: P, key: usize) -> Option<Self> {
        let slot = NonNull::from(keeps.store().get(key)?);
        Some(Self { slot, key, keeps })
    }

    pub(super) fn key(&self) -> usize {
        self.key
    }
}

impl<P: Keeps> Deref for Shared<P> {
    type Target = Value<P>;

    #[inline]
    fn deref(&self) -> &Value<P> {
        // SAFETY: the invariant: the slot stays as long as its store.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: there is a reference, so there is a value that nobody changes.
        unsafe { &*slot.value() }
    }
}

impl<P: Keeps> Drop for Shared<P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the invariant.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: the invariant; the guard is used no more.
        unsafe { self.keeps.store().release(self.key, slot) }
    }
}

/// A value that is being created.
pub(super) struct Exclusive<P: Keeps> {
    /// INVARIANT: of the store that `keeps` leads to, in a creation that is this guard's.
    slot: NonNull<Slot<Value<P>>>,
    key: usize,
    keeps: P,
}

// SAFETY: gives `&mut T`, and may become a `Shared`.
unsafe impl<P: Keeps + Send> Send for Exclusive<P> where Value<P>: Send + Sync {}
// SAFETY: gives `&T`.
unsafe impl<P: Keeps + Sync> Sync for Exclusive<P> where Value<P>: Sync {}

impl<P: Keeps> Exclusive<P> {
    #[inline]
    pub(super) fn create(keeps: P) -> Option<Self>
    where
        Value<P>: Default,
    {
        let claimed: Claimed<'_, _, _, _> = keeps.store().claim()?;
        let key = claimed.key();
        let slot = NonNull::from(claimed.create());
        Some(Self { slot, key, keeps })
    }

    pub(super) fn key(&self) -> usize {
        self.key
    }

    /// From now on others may read, too.
    pub(super) fn downgrade(self) -> Shared<P> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the invariant.
        let slot = unsafe { this.slot.as_ref() };
        // SAFETY: the invariant; used by a reference from now on.
        unsafe { this.keeps.store().finish(this.key, slot, true) };
        // SAFETY: moved out of what is never dropped.
        let keeps = unsafe { core::ptr::read(&this.keeps) };
        Shared { slot: this.slot, key: this.key, keeps }
    }

    /// Has the value end with this guard: its key was never anybody's.
    pub(super) fn discard(&self) {
        self.keeps.store().remove(self.key);
    }
}

impl<P: Keeps> Deref for Exclusive<P> {
    type Target = Value<P>;

    #[inline]
    fn deref(&self) -> &Value<P> {
        // SAFETY: the invariant.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: there is a value, and nobody else touches it.
        unsafe { &*slot.value() }
    }
}

impl<P: Keeps> DerefMut for Exclusive<P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Value<P> {
        // SAFETY: the invariant.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: there is a value, and nobody else touches it.
        unsafe { &mut *slot.value() }
    }
}

impl<P: Keeps> Drop for Exclusive<P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the invariant.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: the invariant; the guard is used no more.
        unsafe { self.keeps.store().finish(self.key, slot, false) }
    }
}

impl<P: Keeps> fmt::Debug for Shared<P>
where
    Value<P>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<P: Keeps> fmt::Debug for Exclusive<P>
where
    Value<P>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
