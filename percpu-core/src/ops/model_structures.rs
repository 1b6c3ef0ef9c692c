//! The sections on several words on the pretend machine, step by step after
//! `contract.rs`.
//!
//! # Safety
//!
//! Follows the addresses that callers vouch for, as the assembly does; while a
//! section is armed nobody else of its CPU runs.

#![allow(unsafe_code)]

use crate::atomic::{AtomicUsize, Ordering};
use crate::index::Index;
use crate::mutate::mutated;
use crate::ops::gate::Gate;
use crate::ops::model_section::{load, section};
use crate::ops::pair::{DoubleWord, Two};
use crate::ops::shape::Shape;
use crate::place::Place;

fn pair_exchange(at: Place<'_, DoubleWord>, current: Option<Two>, new: Two) -> Option<Two> {
    section(at, |armed, pair| {
        let sequence = load(&pair.sequence);
        let [first, second] = &pair.slots[sequence as usize & 1];
        let found = (load(first), load(second));
        if current.is_some_and(|current| current != found) {
            return Ok(found);
        }
        armed.point()?;
        pair.prepare(sequence, new);
        armed.point()?;
        pair.commit(sequence);
        Ok(found)
    })
}

pub(crate) fn pair_swap(at: Place<'_, DoubleWord>, new: Two, _: Index) -> Option<Two> {
    pair_exchange(at, None, new)
}

/// The words found; they were replaced if they are `current`.
pub(crate) fn pair_compare_exchange(
    at: Place<'_, DoubleWord>,
    current: Two,
    new: Two,
    _: Index,
) -> Option<Two> {
    pair_exchange(at, Some(current), new)
}

/// # Safety
/// `T` begins with a `Gate`.
unsafe fn gate<T>(copy: &T) -> &Gate {
    // SAFETY: the caller's word.
    unsafe { &*core::ptr::from_ref(copy).cast::<Gate>() }
}

fn is_stopped(gate: &Gate) -> bool {
    // Acquire: what the last drain left.
    let last = match mutated("gate_entered_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Acquire,
    };
    gate.stop.load(last) != 0
}

/// Whether the node went in.
///
/// # Safety
/// `T` begins with a `Gate`, whose word is 0 or the address of a node; `node` is
/// one, the caller's own. A node begins with the address of the next one or 0,
/// and is alive until it was popped or drained.
pub(crate) unsafe fn list_push<T>(at: Place<'_, T>, node: usize, _: Index) -> Option<bool> {
    section(at, |armed, copy| {
        // SAFETY: the caller's word.
        let gate = unsafe { gate(copy) };
        if is_stopped(gate) {
            return Ok(false);
        }
        armed.point()?;
        gate.touch();
        let head = load(&gate.word);
        // SAFETY: the caller's word: a live node.
        let next = unsafe { &*core::ptr::with_exposed_provenance::<AtomicUsize>(node) };
        next.store(head, Ordering::Relaxed);
        armed.point()?;
        gate.word.store(node, Ordering::Relaxed);
        Ok(true)
    })
}

/// The address of the node that came out, or 0.
///
/// # Safety
/// As for `list_push`.
pub(crate) unsafe fn list_pop<T>(at: Place<'_, T>, _: Index) -> Option<usize> {
    section(at, |armed, copy| {
        // SAFETY: the caller's word.
        let gate = unsafe { gate(copy) };
        if is_stopped(gate) {
            return Ok(0);
        }
        armed.point()?;
        gate.touch();
        let head = load(&gate.word);
        if head == 0 {
            return Ok(0);
        }
        armed.point()?;
        // SAFETY: the caller's word: in the list, and so alive.
        let next = unsafe { &*core::ptr::with_exposed_provenance::<AtomicUsize>(head) };
        let next = next.load(Ordering::Relaxed);
        armed.point()?;
        gate.word.store(next, Ordering::Relaxed);
        Ok(head)
    })
}

/// Copies one record between a slot and the caller's own bytes.
///
/// # Safety
/// Both may be read and written for so many words.
unsafe fn copy(from: *const u64, to: *mut u64, shape: Shape) {
    // SAFETY: the caller's word.
    unsafe { core::ptr::copy_nonoverlapping(from.cast::<u8>(), to.cast(), shape.stride) };
}

/// The slot of a copy.
fn slot<T>(at: &T, shape: Shape, index: usize) -> *mut u64 {
    let copy = core::ptr::from_ref(at).cast_mut().cast::<u8>();
    copy.wrapping_add(shape.items + index * shape.stride).cast()
}

/// Whether the record went in.
///
/// # Safety
/// `T` begins with a `Gate`, whose word is at most the capacity, and has the
/// slots that `shape` says, which only sections and drains touch. `record` may
/// be read for one slot's bytes.
pub(crate) unsafe fn buffer_push<T>(
    at: Place<'_, T>,
    record: *const u64,
    shape: Shape,
    _: Index,
) -> Option<bool> {
    section(at, |armed, buffer| {
        // SAFETY: the caller's word.
        let gate = unsafe { gate(buffer) };
        if is_stopped(gate) {
            return Ok(false);
        }
        armed.point()?;
        gate.touch();
        let length = load(&gate.word);
        if length >= shape.capacity {
            return Ok(false);
        }
        // SAFETY: a slot below the capacity.
        unsafe { copy(record, slot(buffer, shape, length), shape) };
        armed.point()?;
        gate.word.store(length + 1, Ordering::Relaxed);
        Ok(true)
    })
}

/// Whether a record came out.
///
/// # Safety
/// As for `buffer_push`; `record` may be written for one slot's bytes.
pub(crate) unsafe fn buffer_pop<T>(
    at: Place<'_, T>,
    record: *mut u64,
    shape: Shape,
    _: Index,
) -> Option<bool> {
    section(at, |armed, buffer| {
        // SAFETY: the caller's word.
        let gate = unsafe { gate(buffer) };
        if is_stopped(gate) {
            return Ok(false);
        }
        armed.point()?;
        gate.touch();
        let length = load(&gate.word);
        let Some(last) = length.checked_sub(1) else { return Ok(false) };
        // SAFETY: a slot below the length.
        unsafe { copy(slot(buffer, shape, last), record, shape) };
        armed.point()?;
        gate.word.store(last, Ordering::Relaxed);
        Ok(true)
    })
}
