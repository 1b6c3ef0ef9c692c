//! The path of each operation as a caller's compiler makes it. What stands in
//! `expected/` is this, as assembly, by `ci/asm.sh`.

use core::mem::MaybeUninit;

use percpu_core::__raw::{RawStack, Refused};
use percpu_core::atomic::{AtomicU32, AtomicU64};
use percpu_core::{Copies, Full, LocalLock, LocalLockGuard, PerCpuStack, percpu};

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

/// Onto a stack.
#[unsafe(no_mangle)]
pub fn push(stack: &PerCpuStack<u64>, value: u64) -> Result<(), Full<u64>> {
    stack.push(value)
}

/// Off a stack.
#[unsafe(no_mangle)]
pub fn pop(stack: &PerCpuStack<u64>) -> Option<u64> {
    stack.pop()
}

/// Many onto a stack, all or nothing.
#[unsafe(no_mangle)]
pub fn push_batch(stack: &RawStack, items: &[u64; 30]) -> Result<usize, Refused> {
    stack.push_batch(items, 30, usize::MAX)
}

/// Many off a stack, or as many as there are.
#[unsafe(no_mangle)]
pub fn pop_batch(stack: &RawStack, out: &mut [MaybeUninit<u64>; 30]) -> Result<usize, Refused> {
    stack.pop_batch(out, 1)
}
