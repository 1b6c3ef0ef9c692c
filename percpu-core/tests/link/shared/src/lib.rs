//! A Rust dylib that holds the core, and a static of its own.

use percpu_core::atomic::AtomicU64;
use percpu_core::{Error, LocalLock, PerCpu, percpu};

percpu! {
    /// In the dylib's section.
    pub static OF_DYLIB: AtomicU64 = AtomicU64::new(7);
    static LOCK_OF_DYLIB: LocalLock<u64> = LocalLock::new(0);
    /// For who links this library.
    #[hot] pub static HOT_OF_DYLIB: AtomicU64 = AtomicU64::new(1);
    #[page_aligned] static PAGE_OF_DYLIB: AtomicU64 = AtomicU64::new(2);
}

/// Counts with code and statics of the dylib.
#[inline(never)]
pub fn count() {
    work::count("dylib's static in the dylib", &OF_DYLIB);
    work::count_locked("dylib's lock in the dylib", &LOCK_OF_DYLIB);
    work::count("dylib's page in the dylib", &PAGE_OF_DYLIB);
    assert!(PAGE_OF_DYLIB.iter().all(|(_, word)| (&raw const *word.get()).addr() % 4096 == 0));
}

/// Counts on somebody else's word with code of the dylib.
#[inline(never)]
pub fn count_on(words: &PerCpu<AtomicU64>) {
    work::count("executable's allocation in the dylib", words);
}

/// Allocated here, dropped elsewhere.
#[inline(never)]
pub fn allocate() -> Result<PerCpu<AtomicU64>, Error> {
    PerCpu::zeroed()
}

/// Loads the lazily bound parts of this library.
#[inline(never)]
pub fn print_mode() {
    work::print_mode();
}
