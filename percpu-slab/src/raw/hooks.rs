//! [`Hooks`]: what stands between a cache and its slabs.
//!
//! # Safety
//! Declares a trait that is unsafe to implement; nothing else.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;
use core::panic::Location;

use super::source::Source;
use crate::error::Error;
use crate::hardened::report::{Corruption, Report};

/// Who called: `None` is a drop.
pub type Site = Option<&'static Location<'static>>;

/// What stands between an [`ObjectCache`](super::ObjectCache) and its slabs: red zones,
/// poison, a note of who has which object.
///
/// A cache with hooks has no magazines, so each allocation and each free comes by. A
/// *place* is what the slabs hand out; the object lies in it. Freeing has two steps,
/// because an object may have a value that is dropped between them.
///
/// Whoever calls a method keeps the hooks alive meanwhile, but perhaps not the cache: when
/// [`put`](Self::put) has given up the object, the source must not be used any more.
///
/// # Safety
/// An object from `get` is memory of the layout that `place` was asked with, or of the
/// first `bytes` of it, in a place that the source gave; it is nobody else's until `put`
/// gets it, and valid as long as its place was not released. Nothing that the user may
/// touch is touched in between. All of this also if it is given to several caches.
#[doc(alias = "SLAB_DEBUG_FLAGS")]
pub unsafe trait Hooks: Send + Sync + fmt::Debug {
    /// What a place needs for an object of `layout`.
    fn place(&self, layout: Layout) -> Layout;

    /// An object for a user, who asked for its first `bytes`.
    ///
    /// # Errors
    /// The source's.
    fn get(
        &self,
        bytes: usize,
        site: Site,
        source: &dyn Source<Error = Error>,
    ) -> Result<u64, Error>;

    /// Whether this is an object in use; from now on it is being freed, and whoever was
    /// told so calls [`put`](Self::put).
    fn claim(&self, object: u64, site: Site) -> bool;

    /// Takes back an object that was claimed: keeps it for a while, or gives its place to
    /// the source.
    fn put(&self, object: u64, source: &dyn Source<Error = Error>);

    /// Gives the places of objects that are kept to the source; with `close` also of those
    /// that are freed from now on.
    fn flush(&self, close: bool, source: &dyn Source<Error = Error>);

    /// How many free objects are kept.
    fn kept(&self) -> usize;

    /// Looks at every object.
    fn validate(&self) -> Report;

    /// The objects in use, each as a leak.
    fn leaks(&self) -> Vec<Corruption>;
}
