//! The sections on stacks on the pretend machine, step by step after
//! `contract.rs`.
//!
//! # Safety
//!
//! Takes units' bases from the machine; reads a word that a section has written.

#![allow(unsafe_code)]

use core::mem::MaybeUninit;

use crate::atomic::Ordering::{Acquire, Relaxed};
use crate::atomic::fence;
use crate::index::Index;
use crate::model::state::{self, Aborted, Armed};
use crate::mutate::mutated;
use crate::ops::model_section::load;
use crate::ops::refused::Refused;
use crate::stack_copy::{BATCH, STOPPED, StackPlace, StackRef};

/// Runs `body` on this CPU's stack as a section: `body` is given its length,
/// if no drain stops it.
fn section<'a, R>(
    at: StackPlace<'a>,
    body: impl Fn(&mut Armed<'_>, StackRef<'a>, u64) -> Result<Result<R, Refused>, Aborted>,
) -> Option<Result<R, Refused>> {
    state::current().section(|armed, base| {
        // SAFETY: the machine gives bases of its own units.
        let stack = unsafe { at.at(base) };
        let mut word = load(&stack.head().word);
        if mutated("stack_no_stop") {
            word &= !STOPPED;
        }
        if word & STOPPED != 0 {
            return Ok(Err(Refused::Stopped));
        }
        armed.point()?;
        body(armed, stack, word)
    })
}

/// The store that a section ends with. By a swap, for loom's sake: it overwrites a
/// drain's mark as the store does, but loom orders stores only by what happens before
/// what, and would let the drain find its mark where it is lost.
fn commit(stack: StackRef<'_>, len: u64) {
    stack.head().word.swap(len, Relaxed);
}

pub(crate) fn push(at: StackPlace<'_>, bits: u64, by: Index) -> bool {
    push_batch(at, &[bits], 1, by).is_some_and(|pushed| pushed.is_ok())
}

pub(crate) fn pop(at: StackPlace<'_>, by: Index) -> Option<u64> {
    let mut bits = [MaybeUninit::uninit()];
    pop_batch(at, &mut bits, 1, by)?.ok()?;
    // SAFETY: one came.
    Some(unsafe { bits[0].assume_init() })
}

pub(crate) fn push_batch(
    at: StackPlace<'_>,
    items: &[u64],
    least: usize,
    _: Index,
) -> Option<Result<usize, Refused>> {
    section(at, |armed, stack, len| {
        armed.point()?;
        let room = stack.limit().saturating_sub(len) as usize;
        let count = items.len().min(BATCH).min(room);
        if count < least.max(1) {
            return Ok(Err(Refused::Bounds));
        }
        let top = len + count as u64;
        if mutated("stack_commit_first") {
            commit(stack, top);
            armed.point()?;
        }
        // What is stored comes after the load of the word by which it is decided that
        // it is. loom knows no such order of a load and a store, but that of a fence.
        fence(Acquire);
        stack.touch();
        for (slot, &bits) in (len..top).zip(items) {
            stack.slot(slot).store(bits, Relaxed);
        }
        armed.point()?;
        commit(stack, top);
        Ok(Ok(count))
    })
}

pub(crate) fn pop_batch(
    at: StackPlace<'_>,
    out: &mut [MaybeUninit<u64>],
    least: usize,
    _: Index,
) -> Option<Result<usize, Refused>> {
    let out = core::cell::RefCell::new(out);
    section(at, |armed, stack, len| {
        let mut out = out.borrow_mut();
        let count = out.len().min(BATCH).min(len as usize);
        if count < least.max(1) {
            return Ok(Err(Refused::Bounds));
        }
        let from = len - count as u64;
        for (slot, out) in (from..len).zip(out.iter_mut()) {
            out.write(stack.slot(slot).load(Relaxed));
        }
        armed.point()?;
        commit(stack, from);
        Ok(Ok(count))
    })
}
