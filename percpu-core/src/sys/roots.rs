//! Where Miri begins to look for what nothing leads to any more.
//!
//! Mappings are known by their address alone, through which Miri does not follow. It
//! would take them, and all that their contents lead to, for leaks. So it finds them
//! here as long as they are there. That a mapping itself is lost is not seen.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicPtr;
use std::sync::{Mutex, PoisonError};

static ROOTS: Mutex<BTreeMap<usize, AtomicPtr<u8>>> = Mutex::new(BTreeMap::new());

/// A mapping that begins here is there.
pub fn keep(start: *mut u8) {
    let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    roots.insert(start.addr(), AtomicPtr::new(start));
}

/// It is not any more.
pub fn forget(base: usize) {
    ROOTS.lock().unwrap_or_else(PoisonError::into_inner).remove(&base);
}
