//! The process: there once it was published, and then for ever.
//!
//! # Safety
//!
//! Turns the leaked process back into a reference.

#![allow(unsafe_code)]

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::area::allocator::Allocator;
use crate::area::units::Units;
use crate::config::{Config, FirstChunk};
use crate::index::Index;
use crate::mode::Mode;
use crate::sys::sync::Mutex;
use crate::sys::topology::Topology;

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) mode: Mode,
    /// By CPU in portable mode.
    pub(crate) index: Index,
    pub(crate) topology: Topology,
    pub(crate) kind: FirstChunk,
    pub(crate) units: Units,
    pub(crate) memory: Allocator,
    /// Per-CPU pointer of the core's own words, `section::OWN_WORDS` of them: zero at
    /// first, there in every unit, and never given back.
    pub(crate) own_words: usize,
    pub(crate) warnings: Vec<String>,
}

/// Null, then the process for ever (Release in `publish`; partner: Acquire in `existing`).
static PROCESS: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());
/// What `configure` left for `get`. Held while the process is built.
pub(super) static CONFIG: Mutex<Option<Config>> = Mutex::new(None);

#[inline]
pub(crate) fn existing() -> Option<&'static Process> {
    // SAFETY: null, or leaked by `publish` and never freed or changed.
    unsafe { PROCESS.load(Ordering::Acquire).as_ref() }
}

/// Once, under `CONFIG`.
pub(super) fn publish(process: Process) -> &'static Process {
    let process: &'static Process = Box::leak(Box::new(process));
    PROCESS.store(ptr::from_ref(process).cast_mut(), Ordering::Release);
    process
}
