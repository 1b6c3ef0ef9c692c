//! Statics that other crates use.

#![forbid(unsafe_code)]

use percpu_core::atomic::{AtomicU32, AtomicU64};
use percpu_core::{LocalLock, percpu};
use percpu_counter::counter;

percpu! {
    /// Counted by two other crates and by the executable.
    pub static TOTAL: AtomicU64 = AtomicU64::new(3);
    /// Locked by all of them.
    pub static LOCK: LocalLock<u64> = LocalLock::new(0);
    /// In the cache line of `right`'s.
    #[hot]
    pub static HOT: AtomicU32 = AtomicU32::new(1);
    /// A struct, used by its fields.
    #[page_aligned]
    pub static STATS: Stats = Stats { calls: AtomicU64::new(2), kinds: [const { AtomicU32::new(0) }; 3] };
    /// Relocated.
    #[read_mostly]
    pub static POINTERS: (&'static str, fn() -> u64) = ("base", seven);
    /// Alone in its line.
    #[shared_aligned]
    pub static SHARED: AtomicU32 = AtomicU32::new(4);
    /// As well.
    #[cache_aligned]
    pub static ALIGNED: AtomicU32 = AtomicU32::new(5);
}

/// Of which each CPU has one.
pub struct Stats {
    /// All of them.
    pub calls: AtomicU64,
    /// Each kind.
    pub kinds: [AtomicU32; 3],
}

fn seven() -> u64 {
    7
}

counter! {
    /// A counter on a static.
    pub static CALLS: Counter;
}
