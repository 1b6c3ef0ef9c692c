//! [`Claim`]: an object that is being freed.
//!
//! # Safety
//! Turns the owner word of an object into its core, which is there because the object is
//! (L1 of `cache_core.rs`).

#![allow(unsafe_code)]

use core::ptr::NonNull;

use percpu_core::__raw::mutated;

use super::cache_core::{NOT_PLAIN, core_of, end_if, item};
use super::hooks::Site;
use super::slabs::Slabs;

/// An object that is being freed, and is when this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    /// INVARIANT: an object that nobody has but this.
    object: NonNull<u8>,
    /// INVARIANT: its owner word.
    owner: usize,
}

impl Claim {
    /// Claims an object; `None` if its hooks say that it is none.
    ///
    /// # Safety
    /// As [`ObjectCache::free`](crate::raw::ObjectCache::free), but the object may be used until this is dropped.
    #[inline(always)]
    pub(crate) unsafe fn new(object: NonNull<u8>, site: Site) -> Option<Self> {
        // SAFETY: the caller's promise.
        let claim = unsafe { Self::granted(object) };
        if claim.owner & NOT_PLAIN != 0 && !claim.is_granted(site) {
            core::mem::forget(claim);
            return None;
        }
        Some(claim)
    }

    /// The claim of an object whose hooks have granted it, if it has any.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    #[inline(always)]
    pub(super) unsafe fn granted(object: NonNull<u8>) -> Self {
        // SAFETY: the caller's promise.
        let owner = unsafe { Slabs::owner_of(object.addr().get()) };
        Self { object, owner }
    }

    #[cold]
    #[inline(never)]
    fn is_granted(&self, site: Site) -> bool {
        // SAFETY: L1: the object is there, so its core is.
        let core = unsafe { &*core_of(self.owner) };
        core.hooks.as_ref().is_none_or(|hooks| hooks.claim(item(self.object), site))
    }

    #[cold]
    #[inline(never)]
    fn free_slow(object: u64, owner: usize) {
        let core = core_of(owner);
        // SAFETY: L1: the object is there, so its core is.
        let last = unsafe { &*core }.free(object);
        // SAFETY: the object was freed, which told `last`.
        unsafe { end_if(last, core) };
    }
}

impl Drop for Claim {
    #[inline(always)]
    fn drop(&mut self) {
        if self.owner & NOT_PLAIN == 0 {
            // SAFETY: L1: the object is there, so its core is.
            let core = unsafe { &*core_of(self.owner) };
            core.is_used();
            if core.magazines.put_cached(item(self.object)) {
                if mutated("cache_used_after_put") {
                    core.is_used();
                }
                return;
            }
        }
        Self::free_slow(item(self.object), self.owner);
    }
}
