//! Stacks where no section may run: on the shared unit, and in portable mode.
//!
//! `STOPPED` in each unit's word is then a lock. An operation tries it once and is
//! refused if it is taken: it never waits, so a handler that interrupted the holder
//! cannot wait for its own thread. Only a drain waits.
//!
//! The shared unit's words are changed by these bodies alone, a CPU's unit in a
//! process with sections by sections alone.

use core::mem::MaybeUninit;

use super::refused::Refused;
use crate::atomic::Ordering;
use crate::mutate::{mutated, order};
use crate::stack_copy::{BATCH, STOPPED, StackRef};
use crate::sys::sync;

/// The right to change one unit's stack.
pub(crate) struct Locked<'a> {
    stack: StackRef<'a>,
    len: u64,
}

impl<'a> Locked<'a> {
    #[inline]
    fn try_lock(stack: StackRef<'a>) -> Result<Self, Refused> {
        // Acquire: pairs with the Release in `drop`.
        let taken = match mutated("stack_atomic_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        let word = &stack.head().word;
        // Relaxed: looked at again.
        let len = word.load(Ordering::Relaxed) & !STOPPED;
        if mutated("stack_atomic_unlocked") {
            return Ok(Self { stack, len });
        }
        match word.compare_exchange(len, len | STOPPED, taken, Ordering::Relaxed) {
            Ok(_) => Ok(Self { stack, len }),
            Err(_) => Err(Refused::Stopped),
        }
    }

    /// For drains: waits.
    pub(crate) fn lock(stack: StackRef<'a>) -> Self {
        loop {
            match Self::try_lock(stack) {
                Ok(locked) => return locked,
                // The holder moves 64 words at most and tells nobody, so that what it
                // does costs one atomic instruction.
                Err(_) => sync::nap(),
            }
        }
    }

    /// The item on top.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Option<u64> {
        let len = self.len.checked_sub(1)?;
        // Relaxed, as all in here: the lock orders it.
        let bits = self.stack.slot(len).load(Ordering::Relaxed);
        self.len = len;
        Some(bits)
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire above. A store, as nobody else changes the
        // word while it is locked.
        self.stack
            .head()
            .word
            .store(self.len, order(Ordering::Release, "stack_atomic_unlock_relaxed"));
    }
}

#[inline]
pub(crate) fn push(stack: StackRef<'_>, bits: u64) -> Result<(), Refused> {
    let mut locked = Locked::try_lock(stack)?;
    if locked.len >= stack.limit() {
        return Err(Refused::Bounds);
    }
    stack.slot(locked.len).store(bits, Ordering::Relaxed);
    locked.len += 1;
    Ok(())
}

#[inline]
pub(crate) fn pop(stack: StackRef<'_>) -> Result<u64, Refused> {
    Locked::try_lock(stack)?.take().ok_or(Refused::Bounds)
}

pub(crate) fn push_batch(
    stack: StackRef<'_>,
    items: &[u64],
    least: usize,
) -> Result<usize, Refused> {
    let mut locked = Locked::try_lock(stack)?;
    let len = locked.len;
    let room = stack.limit().saturating_sub(len) as usize;
    let count = items.len().min(room).min(BATCH);
    if count < least.max(1) {
        return Err(Refused::Bounds);
    }
    for (slot, &bits) in (len..).zip(&items[..count]) {
        stack.slot(slot).store(bits, Ordering::Relaxed);
    }
    locked.len = len + count as u64;
    Ok(count)
}

pub(crate) fn pop_batch(
    stack: StackRef<'_>,
    out: &mut [MaybeUninit<u64>],
    least: usize,
) -> Result<usize, Refused> {
    let mut locked = Locked::try_lock(stack)?;
    let len = locked.len;
    let count = out.len().min(len as usize).min(BATCH);
    if count < least.max(1) {
        return Err(Refused::Bounds);
    }
    let from = len - count as u64;
    for (slot, out) in (from..len).zip(out) {
        out.write(stack.slot(slot).load(Ordering::Relaxed));
    }
    locked.len = from;
    Ok(count)
}
