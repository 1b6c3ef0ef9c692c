//! Stacks where no section may run: on the shared unit, and in portable mode.
//!
//! Each unit's `stop` word is then a lock of three states. An operation tries
//! it once and is refused if it is taken: it never waits, so a handler that
//! interrupted the holder cannot wait for its own thread. Only a drain waits.
//!
//! The shared unit's words are changed by these bodies alone, a CPU's unit in a
//! process with sections by sections alone.

use core::mem::MaybeUninit;

use super::refused::Refused;
use crate::atomic::Ordering;
use crate::mutate::mutated;
use crate::stack_copy::{BATCH, StackRef};
use crate::sys::sync;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and a drain sleeps.
const CONTENDED: u32 = 2;

/// The right to change one unit's stack.
pub(crate) struct Locked<'a>(StackRef<'a>);

impl<'a> Locked<'a> {
    fn try_lock(stack: StackRef<'a>) -> Result<Self, Refused> {
        // Acquire: pairs with the Release in `drop`.
        let taken = match mutated("stack_atomic_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        if mutated("stack_atomic_unlocked") {
            return Ok(Self(stack));
        }
        match stack.head().stop.compare_exchange(FREE, HELD, taken, Ordering::Relaxed) {
            Ok(_) => Ok(Self(stack)),
            Err(_) => Err(Refused::Stopped),
        }
    }

    /// For drains: waits.
    pub(crate) fn lock(stack: StackRef<'a>) -> Self {
        let stop = &stack.head().stop;
        // Acquire: as above.
        while stop.swap(CONTENDED, Ordering::Acquire) != FREE {
            sync::wait(stop, CONTENDED, None);
        }
        Self(stack)
    }

    fn len(&self) -> u32 {
        // Relaxed, as all in here: the lock orders it.
        self.0.head().len.load(Ordering::Relaxed)
    }

    fn set_len(&self, len: u32) {
        self.0.head().len.store(len, Ordering::Relaxed);
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let stop = &self.0.head().stop;
        // Release: pairs with the Acquires above.
        if stop.swap(FREE, Ordering::Release) == CONTENDED && !mutated("stack_no_wake") {
            sync::wake_all(stop);
        }
    }
}

pub(crate) fn push_batch(
    stack: StackRef<'_>,
    items: &[u64],
    least: usize,
) -> Result<usize, Refused> {
    let stack = Locked::try_lock(stack)?;
    let len = stack.len();
    let room = stack.0.limit().saturating_sub(len) as usize;
    let count = items.len().min(room).min(BATCH);
    if count < least.max(1) {
        return Err(Refused::Bounds);
    }
    for (slot, &bits) in (len..).zip(&items[..count]) {
        stack.0.slot(slot).store(bits, Ordering::Relaxed);
    }
    stack.set_len(len + count as u32);
    Ok(count)
}

pub(crate) fn pop_batch(
    stack: StackRef<'_>,
    out: &mut [MaybeUninit<u64>],
    least: usize,
) -> Result<usize, Refused> {
    let stack = Locked::try_lock(stack)?;
    let len = stack.len();
    let count = out.len().min(len as usize).min(BATCH);
    if count < least.max(1) {
        return Err(Refused::Bounds);
    }
    let from = len - count as u32;
    for (slot, out) in (from..len).zip(out) {
        out.write(stack.0.slot(slot).load(Ordering::Relaxed));
    }
    stack.set_len(from);
    Ok(count)
}
