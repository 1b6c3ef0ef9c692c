//! [`Values`]: boxed values of a pool: made, counted, dropped.
//!
//! A value is in a box all its life. What magazines hold is the box's address, an
//! item; [`into_item`] and [`from_item`] are the only ways between the two.
//!
//! # Invariants
//! - V1: whoever holds an item holds the box, and nobody else does (M1 of the
//!   magazines). A pool's items come from `into_item` for its own `T`.
//!   Only the pool's magazines release items to their source.
//! - V2: `live` counts the boxes, and the reservations for those that are being made.
//!   It is never above `limit`.
//!
//! # Safety
//!
//! Boxes are made of addresses that came from boxes.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;
use core::ptr;

use percpu_core::__raw::mutated;
use percpu_core::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::Error;
use crate::raw::Source;

/// A box as magazines hold it.
#[inline(always)]
pub(crate) fn into_item<T>(value: Box<T>) -> u64 {
    Box::into_raw(value).expose_provenance() as u64
}

/// The box again.
///
/// # Safety
/// `item` came from `into_item::<T>`, and this is the first call for it since.
#[inline(always)]
pub(crate) unsafe fn from_item<T>(item: u64) -> Box<T> {
    let value = ptr::with_exposed_provenance_mut(item as usize);
    // SAFETY: by the caller's word the box was turned into this address, and it is
    // turned back once.
    unsafe { Box::from_raw(value) }
}

/// Makes values and drops them; knows how many there are.
pub(crate) struct Values<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    limit: usize,
    /// V2.
    live: AtomicUsize,
    created: AtomicU64,
}

impl<T> Values<T> {
    pub(crate) fn new(make: Box<dyn Fn() -> T + Send + Sync>, limit: usize) -> Self {
        Self { make, limit, live: AtomicUsize::new(0), created: AtomicU64::new(0) }
    }

    /// A new one.
    ///
    /// # Errors
    /// [`Error::LimitReached`].
    ///
    /// # Panics
    /// If the constructor does; nothing was made.
    pub(crate) fn make(&self) -> Result<Box<T>, Error> {
        let reserved = Reserved::new(self)?;
        let value = Box::new((self.make)());
        core::mem::forget(reserved);
        // Relaxed: a number for people, as all of this file.
        self.created.fetch_add(1, Ordering::Relaxed);
        Ok(value)
    }

    /// Drops one for good.
    ///
    /// # Panics
    /// If its destructor does; it counts as dropped.
    pub(crate) fn discard(&self, value: Box<T>) {
        let _gone = Reserved(self);
        drop(value);
    }

    /// One has left the pool.
    pub(crate) fn left(&self) {
        drop(Reserved(self));
    }

    /// The most that may exist.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How many were ever made, and how many exist or are being made.
    pub(crate) fn counts(&self) -> (u64, usize) {
        // In this order: one that is made between the two is not taken for dropped.
        let created = self.created.load(Ordering::Relaxed);
        (created, self.live.load(Ordering::Relaxed))
    }
}

impl<T> Source for Values<T> {
    type Error = Error;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Error> {
        // One: a value may be dear, and nobody has asked for more.
        out[0] = into_item(self.make()?);
        Ok(1)
    }

    /// A destructor that panics keeps none of the others; a second one aborts the
    /// process, as for a slice.
    fn release(&self, items: &[u64]) {
        Rest { values: self, items: items.iter() }.discard();
    }
}

impl<T> fmt::Debug for Values<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (created, live) = self.counts();
        f.debug_struct("Values").field("created", &created).field("live", &live).finish()
    }
}

/// One of `live`; given back on drop.
struct Reserved<'a, T>(&'a Values<T>);

impl<'a, T> Reserved<'a, T> {
    fn new(values: &'a Values<T>) -> Result<Self, Error> {
        let limit = values.limit;
        let more = |live| (live < limit).then_some(live + 1);
        if mutated("values_reserve_in_two_steps") {
            let live = values.live.load(Ordering::Relaxed);
            let more = more(live).ok_or(Error::LimitReached { limit })?;
            values.live.store(more, Ordering::Relaxed);
            return Ok(Self(values));
        }
        match values.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Self(values)),
            Err(_) => Err(Error::LimitReached { limit }),
        }
    }
}

impl<T> Drop for Reserved<'_, T> {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Items that are to be dropped, also if a destructor panics.
struct Rest<'a, T> {
    values: &'a Values<T>,
    /// INVARIANT: each may be given to `from_item` (V1).
    items: core::slice::Iter<'a, u64>,
}

impl<T> Rest<'_, T> {
    fn discard(&mut self) {
        for &item in self.items.by_ref() {
            // SAFETY: the field's invariant; the iterator yields it once.
            let value = unsafe { from_item(item) };
            self.values.discard(value);
        }
    }
}

impl<T> Drop for Rest<'_, T> {
    fn drop(&mut self) {
        self.discard();
    }
}

/// Drops what is released, and counts it.
pub(crate) struct Dropping<'a, T> {
    values: &'a Values<T>,
    dropped: Cell<usize>,
}

impl<'a, T> Dropping<'a, T> {
    pub(crate) fn new(values: &'a Values<T>) -> Self {
        Self { values, dropped: Cell::new(0) }
    }

    /// How many there were.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped.get()
    }
}

impl<T> Source for Dropping<'_, T> {
    type Error = Error;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Error> {
        self.values.refill(out)
    }

    fn release(&self, items: &[u64]) {
        self.dropped.set(self.dropped.get() + items.len());
        self.values.release(items);
    }
}
