//! Statics that other crates use.

#![forbid(unsafe_code)]

use percpu_core::{LocalLock, atomic::AtomicU64, percpu};
use percpu_counter::counter;

percpu! {
    /// Counted by two other crates and by the executable.
    pub static TOTAL: AtomicU64 = AtomicU64::new(3);
    /// Locked by all of them.
    pub static LOCK: LocalLock<u64> = LocalLock::new(0);
}

counter! {
    /// A counter on a static.
    pub static CALLS: Counter;
}
