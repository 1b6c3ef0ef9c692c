//! The sections on stacks on the pretend machine, step by step after
//! `contract.rs`.
//!
//! # Safety
//!
//! Takes units' bases from the machine; reads a word that a section has written.

#![allow(unsafe_code)]

use core::mem::MaybeUninit;

use crate::atomic::Ordering::{self, Relaxed};
use crate::index::Index;
use crate::model::machine::{self, Aborted, Armed};
use crate::mutate::mutated;
use crate::ops::refused::Refused;
use crate::stack_copy::{BATCH, StackPlace, StackRef};

/// Runs `body` on this CPU's stack as a section: `body` is given its length,
/// if no drain stops it.
fn section<'a, R>(
    at: StackPlace<'a>,
    body: impl Fn(&mut Armed<'_>, StackRef<'a>, u32) -> Result<Result<R, Refused>, Aborted>,
) -> Option<Result<R, Refused>> {
    machine::current().section(|armed, base| {
        // SAFETY: the machine gives bases of its own units.
        let stack = unsafe { at.at(base) };
        if mutated("stack_stop_late") {
            let len = len(stack);
            armed.point()?;
            if is_stopped(stack) {
                return Ok(Err(Refused::Stopped));
            }
            return body(armed, stack, len);
        }
        if is_stopped(stack) && !mutated("stack_no_stop") {
            return Ok(Err(Refused::Stopped));
        }
        armed.point()?;
        body(armed, stack, len(stack))
    })
}

fn is_stopped(stack: StackRef<'_>) -> bool {
    // Acquire: the length that the last drain left.
    let last = if mutated("stack_stop_relaxed") { Relaxed } else { Ordering::Acquire };
    stack.head().stop.load(last) != 0
}

/// The length, which sections of this CPU and drains that stopped it change.
///
/// Loaded twice: by a compare-exchange that changes nothing, for loom's sake
/// (see `load` in `model.rs`), and before that as the real section does it. The
/// two agree unless the CPU's lock or `stop` fails to order them.
fn len(stack: StackRef<'_>) -> u32 {
    let len = &stack.head().len;
    let seen = len.load(Relaxed);
    let (Ok(latest) | Err(latest)) = len.compare_exchange(u32::MAX, u32::MAX, Relaxed, Relaxed);
    assert_eq!(seen, latest, "a section saw an old length");
    seen
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
        let top = len + count as u32;
        if mutated("stack_commit_first") {
            stack.head().len.store(top, Relaxed);
            armed.point()?;
        }
        for (slot, &bits) in (len..top).zip(items) {
            stack.slot(slot).store(bits, Relaxed);
        }
        armed.point()?;
        stack.head().len.store(top, Relaxed);
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
        let from = len - count as u32;
        for (slot, out) in (from..len).zip(out.iter_mut()) {
            out.write(stack.slot(slot).load(Relaxed));
        }
        armed.point()?;
        stack.head().len.store(from, Relaxed);
        Ok(Ok(count))
    })
}
