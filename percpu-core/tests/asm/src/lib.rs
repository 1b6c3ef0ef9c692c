//! The path of each operation as a caller's compiler makes it. What stands in
//! `expected/` is this, as assembly, by `ci/asm.sh`.

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;

use percpu_core::__raw::{InTurn, RawStack, Refused, Switch, Turn};
use percpu_core::atomic::{AtomicU32, AtomicU64};
use percpu_core::{
    AccountingAlloc, Copies, DoubleWord, Full, ListNode, LocalBuffer, LocalList, LocalLock,
    LocalLockGuard, PerCpuRwLock, PerCpuRwLockReadGuard, PerCpuStack, Ref, percpu,
};

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
    stack.push_batch(items, 30)
}

/// Many off a stack, or as many as there are.
#[unsafe(no_mangle)]
pub fn pop_batch(stack: &RawStack, out: &mut [MaybeUninit<u64>; 30]) -> Result<usize, Refused> {
    stack.pop_batch(out, 1)
}

/// Two words, without a condition.
#[unsafe(no_mangle)]
pub fn pair_swap(pair: &Copies<DoubleWord>, new: (u64, u64)) -> (u64, u64) {
    pair.swap(new)
}

/// Two words, with one.
#[unsafe(no_mangle)]
pub fn pair_compare_exchange(
    pair: &Copies<DoubleWord>,
    current: (u64, u64),
    new: (u64, u64),
) -> Result<(u64, u64), (u64, u64)> {
    pair.compare_exchange(current, new)
}

/// A node into a list.
#[unsafe(no_mangle)]
pub fn list_push(
    list: &Copies<LocalList<u64>>,
    node: Box<ListNode<u64>>,
) -> Result<(), Box<ListNode<u64>>> {
    list.push(node)
}

/// And out of it.
#[unsafe(no_mangle)]
pub fn list_pop(list: &Copies<LocalList<u64>>) -> Option<Box<ListNode<u64>>> {
    list.pop()
}

/// A record into a buffer.
#[unsafe(no_mangle)]
pub fn buffer_push(
    buffer: &Copies<LocalBuffer<[u64; 3], 8>>,
    record: [u64; 3],
) -> Result<(), [u64; 3]> {
    buffer.push(record)
}

/// And out of it.
#[unsafe(no_mangle)]
pub fn buffer_pop(buffer: &Copies<LocalBuffer<[u64; 3], 8>>) -> Option<[u64; 3]> {
    buffer.pop()
}

/// An allocator that costs nothing: what is left is the accounting.
#[derive(Debug)]
pub struct Nothing;

// SAFETY: blocks that nobody uses.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        core::ptr::without_provenance_mut(layout.align())
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// The accounting of an allocation.
#[unsafe(no_mangle)]
pub fn account_alloc(accounting: &AccountingAlloc<Nothing>, layout: Layout) -> *mut u8 {
    // SAFETY: nobody uses the block.
    unsafe { accounting.alloc(layout) }
}

/// And that of its end.
#[unsafe(no_mangle)]
pub fn account_dealloc(accounting: &AccountingAlloc<Nothing>, block: *mut u8, layout: Layout) {
    // SAFETY: as above.
    unsafe { accounting.dealloc(block, layout) };
}

/// Behind a switch, within bounds: the stock of a budget.
#[unsafe(no_mangle)]
pub fn add_within(switch: &Switch, word: &Copies<AtomicU64>, n: u64, most: u64) -> bool {
    switch.add_within(word, n, 0, most).is_ok()
}

/// In turn: a read section begins.
#[unsafe(no_mangle)]
pub fn enter(turn: &Turn, words: &Copies<InTurn>) -> usize {
    turn.enter(words)
}

/// And ends.
#[unsafe(no_mangle)]
pub fn leave(turn: &Turn, words: &Copies<InTurn>, which: usize) {
    turn.leave(words, which & 1);
}

/// A reference, one more.
#[unsafe(no_mangle)]
pub fn ref_get(reference: &Ref<u64>) -> Ref<u64> {
    Ref::clone(reference)
}

/// And one less.
#[unsafe(no_mangle)]
pub fn ref_put(reference: Ref<u64>) {
    drop(reference);
}

/// A reader comes into a lock.
#[unsafe(no_mangle)]
pub fn read_lock(lock: &PerCpuRwLock<u64>) -> PerCpuRwLockReadGuard<'_, u64> {
    lock.read()
}

/// And leaves.
#[unsafe(no_mangle)]
pub fn read_unlock(guard: PerCpuRwLockReadGuard<'_, u64>) {
    drop(guard);
}
