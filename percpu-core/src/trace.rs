//! What the allocator tells to who listens: the kernel's five trace points, and
//! warnings that know when to stop.
//!
//! With the feature `tracing` these are events of the `tracing` crate, target
//! `percpu`; without it they compile to nothing. Never told under a lock: who listens
//! may allocate.

#[cfg(feature = "tracing")]
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

#[cfg(feature = "tracing")]
use crate::area::request::Region;
use crate::area::request::Request;
use crate::error::Error;

/// An area was handed out. The kernel's `percpu_alloc_percpu`.
#[inline(always)]
pub(crate) fn alloc(request: Request, pointer: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(
        target: "percpu",
        size = request.size,
        align = request.align,
        reserved = request.region == Region::Reserved,
        atomic = !request.blocking,
        pointer,
        "alloc"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (request, pointer);
}

/// A request failed. The kernel's `percpu_alloc_percpu_fail`, and its warning.
#[cold]
pub(crate) fn alloc_fail(request: Request, error: &Error) {
    #[cfg(feature = "tracing")]
    {
        /// Warnings before silence.
        const LIMIT: u32 = 10;
        static LEFT: AtomicU32 = AtomicU32::new(LIMIT + 1);

        let (size, align) = (request.size, request.align);
        tracing::trace!(target: "percpu", size, align, atomic = !request.blocking, "alloc_fail");
        // Relaxed: counts, orders nothing.
        let left = LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        match left {
            Err(_) => {}
            Ok(1) => {
                tracing::warn!(target: "percpu", "allocation failures go unreported from now on")
            }
            Ok(_) => tracing::warn!(target: "percpu", size, align, %error, "allocation failed"),
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (request, error);
}

/// An area was given back. The kernel's `percpu_free_percpu`.
#[inline(always)]
pub(crate) fn free(pointer: usize) {
    #[cfg(feature = "tracing")]
    tracing::trace!(target: "percpu", pointer, "free");
    #[cfg(not(feature = "tracing"))]
    let _ = pointer;
}

/// A reference count was used in a way that makes no sense; it has seen to it that
/// nothing worse comes of that.
#[cold]
pub(crate) fn misuse(what: &'static str) {
    #[cfg(feature = "tracing")]
    {
        /// Warnings before silence; the kernel's is one a place.
        static LEFT: AtomicU32 = AtomicU32::new(10);
        // Relaxed: counts, orders nothing.
        if LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            tracing::warn!(target: "percpu", "{what}");
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = what;
}

/// Chunks that were made and given back under a lock; told when this is dropped,
/// which is after the lock: declare it before.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// First addresses.
    made: Vec<usize>,
    gone: Vec<usize>,
}

impl News {
    /// A chunk was made. The kernel's `percpu_create_chunk`.
    pub(crate) fn made(&mut self, address: usize) {
        if cfg!(feature = "tracing") {
            self.made.push(address);
        }
    }

    /// A chunk was given back. The kernel's `percpu_destroy_chunk`.
    pub(crate) fn gone(&mut self, address: usize) {
        if cfg!(feature = "tracing") {
            self.gone.push(address);
        }
    }
}

#[cfg(feature = "tracing")]
impl Drop for News {
    fn drop(&mut self) {
        for address in &self.made {
            tracing::trace!(target: "percpu", address, "create_chunk");
        }
        for address in &self.gone {
            tracing::trace!(target: "percpu", address, "destroy_chunk");
        }
    }
}
