//! All hardened caches of the process: whose is this address?

use std::sync::{Arc, Mutex, PoisonError, Weak};

use percpu_core::__raw::Mutex as Lock;

use super::state::State;

/// Only ever locked to copy it, to add to it and to tidy it: no other lock is taken
/// meanwhile.
#[cfg(not(percpu_loom))]
fn caches() -> &'static Mutex<Vec<Weak<Lock<State>>>> {
    static CACHES: Mutex<Vec<Weak<Lock<State>>>> = Mutex::new(Vec::new());
    &CACHES
}

/// A model's threads are one of the system's, and locks of another model are not to be
/// touched.
#[cfg(percpu_loom)]
fn caches() -> &'static Mutex<Vec<Weak<Lock<State>>>> {
    std::thread_local! {
        static CACHES: &'static Mutex<Vec<Weak<Lock<State>>>> = Box::leak(Box::default());
    }
    CACHES.with(|caches| *caches)
}

/// Adds a cache. Those that have gone are forgotten.
pub(super) fn add(state: &Arc<Lock<State>>) {
    let mut caches = caches().lock().unwrap_or_else(PoisonError::into_inner);
    caches.retain(|cache| cache.strong_count() > 0);
    caches.push(Arc::downgrade(state));
}

/// Whether a cache other than `but` has an object at this address.
pub(super) fn is_of_another(object: usize, but: &Arc<Lock<State>>) -> bool {
    let caches = caches().lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut others =
        caches.iter().filter_map(Weak::upgrade).filter(|cache| !Arc::ptr_eq(cache, but));
    others.any(|cache| cache.lock().get(object).is_some())
}
