//! What caches tell to who listens: warnings that know when to stop.
//!
//! With the feature `tracing` these are events of the `tracing` crate, target
//! `percpu`; without it they compile to nothing. Never told under a lock: who listens
//! may allocate.

use crate::hardened::report::Corruption;

/// A hardened cache found something wrong.
#[cold]
pub(crate) fn corruption(corruption: &Corruption) {
    #[cfg(feature = "tracing")]
    {
        use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

        /// Warnings before silence.
        const LIMIT: u32 = 10;
        static LEFT: AtomicU32 = AtomicU32::new(LIMIT + 1);

        // Relaxed: counts, orders nothing.
        match LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
            Err(_) => {}
            Ok(1) => {
                tracing::warn!(target: "percpu", "corruptions go unreported from now on");
            }
            Ok(_) => tracing::warn!(target: "percpu", "{corruption}"),
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = corruption;
}
