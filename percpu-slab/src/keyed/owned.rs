//! [`OwnedGuard`]: a value of a slab, being read, with a share in the slab.
//!
//! # Safety
//!
//! Ends a section where it began it, and refers to the value in between.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use percpu_counter::{__raw as raw, Domain};

use super::key::Key;
use super::slab::Slab;

/// As [`Guard`](crate::keyed::Guard), but it keeps the slab alive, may be sent to another
/// thread, and may be held over an `await`; from [`Slab::get_owned`].
///
/// ```
/// use percpu_slab::Slab;
/// use std::sync::Arc;
/// let slab = Arc::new(Slab::new()?);
/// let key = slab.insert(String::from("sent"))?;
/// let guard = slab.get_owned(key).unwrap();
/// drop(slab);
/// std::thread::spawn(move || assert_eq!(*guard, "sent")).join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// The value is read, and perhaps dropped, where the guard goes:
/// ```compile_fail,E0277
/// fn sent<T: Send>() {}
/// sent::<percpu_slab::keyed::OwnedGuard<std::cell::Cell<u32>>>();
/// ```
#[must_use = "the value may go where the guard is dropped"]
pub struct OwnedGuard<T> {
    /// Before the slab: the section ends while the domain is there.
    section: Section<T>,
    /// INVARIANT: a value that was found in the section.
    value: *const T,
    key: Key,
}

// SAFETY: sections may end on any thread; the value is read through `&T` from there
// (`T: Sync`), and may be dropped there with the slab (`T: Send`).
unsafe impl<T: Send + Sync> Send for OwnedGuard<T> {}
// SAFETY: gives out `&T`, and nothing else.
unsafe impl<T: Send + Sync> Sync for OwnedGuard<T> {}

/// A section of a slab's domain.
struct Section<T> {
    slab: Arc<Slab<T>>,
    which: usize,
}

impl<T> Section<T> {
    fn domain(&self) -> &Domain {
        &self.slab.domain
    }
}

impl<T> Drop for Section<T> {
    fn drop(&mut self) {
        raw::leave(self.domain(), self.which);
    }
}

impl<T> Slab<T> {
    /// The value with this key, to be read by a guard that owns a part of the slab.
    ///
    /// # Performance
    /// As [`get`](Self::get), and the two atomic instructions of an `Arc`.
    pub fn get_owned(self: &Arc<Self>, key: Key) -> Option<OwnedGuard<T>> {
        let slab = Arc::clone(self);
        let which = raw::enter(&slab.domain);
        let section = Section { slab, which };
        let value = section.slab.find(key)?;
        Some(OwnedGuard { section, value, key })
    }
}

impl<T> OwnedGuard<T> {
    /// The value's key.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The slab that the value is in.
    pub fn slab(&self) -> &Arc<Slab<T>> {
        &self.section.slab
    }
}

impl<T> Deref for OwnedGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it stays while the section is open (L1 of `life.rs`), and the slab
        // while this is here.
        unsafe { &*self.value }
    }
}

impl<T: fmt::Debug> fmt::Debug for OwnedGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for OwnedGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
