//! The path of each operation as a caller's compiler makes it. What stands in
//! `expected/` is this, as assembly, by `ci/asm.sh`.

use percpu_core::atomic::{AtomicU32, AtomicU64};
use percpu_core::{Copies, LocalLock, LocalLockGuard, percpu};

percpu! { static WORD: AtomicU64 = AtomicU64::new(0); }

/// On a static, the commonest use.
#[unsafe(no_mangle)]
pub fn inc_static() {
    WORD.inc();
}

/// On whatever a handle leads to.
#[unsafe(no_mangle)]
pub fn inc(word: &Copies<AtomicU64>) {
    word.inc();
}

/// With an amount.
#[unsafe(no_mangle)]
pub fn add(word: &Copies<AtomicU64>, n: u64) {
    word.add(n);
}

/// A narrower word.
#[unsafe(no_mangle)]
pub fn add_u32(word: &Copies<AtomicU32>, n: u32) {
    word.add(n);
}

/// With the old value.
#[unsafe(no_mangle)]
pub fn fetch_add(word: &Copies<AtomicU64>, n: u64) -> u64 {
    word.fetch_add(n)
}

/// With a condition.
#[unsafe(no_mangle)]
pub fn compare_exchange(word: &Copies<AtomicU64>, current: u64, new: u64) -> Result<u64, u64> {
    word.compare_exchange(current, new)
}

/// The way in of a lock.
#[unsafe(no_mangle)]
pub fn try_lock(lock: &Copies<LocalLock<u64>>) -> Option<LocalLockGuard<'_, u64>> {
    lock.try_lock()
}
