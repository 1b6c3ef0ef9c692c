//! Uses `base`'s statics, and one of the same name as `right`'s.

#![forbid(unsafe_code)]

use percpu_core::{atomic::AtomicU64, field, percpu};

percpu! { static OWN: AtomicU64 = AtomicU64::new(0); }

/// `n` times.
pub fn run(n: u64) {
    for _ in 0..n {
        base::TOTAL.inc();
        base::CALLS.inc();
        *base::LOCK.lock() += 1;
        OWN.inc();
        base::HOT.inc();
        base::SHARED.inc();
        base::STATS.field(field!(base::Stats, calls)).inc();
        base::STATS.field(field!(base::Stats, kinds)).at(0).inc();
    }
}

/// Of the private static.
pub fn own() -> u64 {
    OWN.sum()
}
