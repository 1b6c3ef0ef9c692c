//! The sections on the pretend machine, step by step after `contract.rs`.
//!
//! `point` is where an abort may fall: between a load and what was concluded
//! from it. Before the first load there is nothing to lose and no point.
//!
//! What a section may rely on is the same by either [`Index`], so the machine has
//! one, which it calls the CPU, and bodies do not look which they are asked for.
//!
//! # Safety
//!
//! Takes units' bases from the machine, and the two words of a lock from where
//! `acquire`'s caller says they are.

#![allow(unsafe_code)]

#[path = "model_stack.rs"]
pub(crate) mod stack;
#[path = "model_structures.rs"]
pub(crate) mod structures;
#[path = "model_switch.rs"]
pub(crate) mod switch;

use super::attempt::Attempt;
use super::portable::{BitWord, IntWord, Word};
use crate::atomic::{AtomicU32, Ordering};
use crate::index::Index;
use crate::model::state;
use crate::mutate::mutated;
use crate::ops::model_section::{load, section};
use crate::place::Place;

/// `r = [a]; (2) COMMIT [a] = change(r); result r`.
fn update_word<W: Word>(
    at: Place<'_, W>,
    change: impl Fn(W::Value) -> W::Value,
) -> Option<W::Value> {
    section(at, |armed, word| {
        let value = load(word);
        armed.point()?;
        word.put(change(value));
        Ok(value)
    })
}

fn bits<W: Word>(a: W::Value, op: impl Fn(u64, u64) -> u64, b: W::Value) -> W::Value {
    W::from_bits(op(W::to_bits(a), W::to_bits(b)))
}

macro_rules! updates {
    ($($name:ident, $fetch_name:ident: $bound:ident = $change:expr;)*) => {$(
        pub(crate) fn $name<W: $bound>(at: Place<'_, W>, n: W::Value, by: Index) -> bool {
            $fetch_name(at, n, by).is_some()
        }

        pub(crate) fn $fetch_name<W: $bound>(
            at: Place<'_, W>,
            n: W::Value,
            _: Index,
        ) -> Option<W::Value> {
            let change: fn(W::Value, W::Value) -> W::Value = $change;
            update_word(at, |value| change(value, n))
        }
    )*};
}

updates! {
    add, fetch_add: IntWord = W::plus;
    and, fetch_and: BitWord = |a, b| bits::<W>(a, |a, b| a & b, b);
    or, fetch_or: BitWord = |a, b| bits::<W>(a, |a, b| a | b, b);
    xor, fetch_xor: BitWord = |a, b| bits::<W>(a, |a, b| a ^ b, b);
}

pub(crate) fn inc<W: IntWord>(at: Place<'_, W>, by: Index) -> bool {
    add(at, W::ONE, by)
}

pub(crate) fn dec<W: IntWord>(at: Place<'_, W>, by: Index) -> bool {
    add(at, W::negate(W::ONE), by)
}

pub(crate) fn swap<W: Word>(at: Place<'_, W>, value: W::Value, _: Index) -> Option<W::Value> {
    update_word(at, |_| value)
}

pub(crate) fn store<W: Word>(at: Place<'_, W>, value: W::Value, _: Index) -> bool {
    section(at, |_, word| {
        word.put(value);
        Ok(())
    })
    .is_some()
}

pub(crate) fn compare_exchange<W: Word>(
    at: Place<'_, W>,
    current: W::Value,
    new: W::Value,
    _: Index,
) -> Option<Result<W::Value, W::Value>> {
    section(at, |armed, word| {
        let value = load(word);
        if value != current {
            return Ok(Err(value));
        }
        armed.point()?;
        word.put(new);
        Ok(Ok(value))
    })
}

/// Takes the lock that begins each copy: `held`, then `stop`.
///
/// # Safety
/// `T` begins with those two words, as `AtomicU32`, laid out as C does.
pub(crate) unsafe fn acquire<'a, T>(at: Place<'a, T>, _: Index) -> Option<Attempt<'a, T>> {
    let last = match mutated("acquire_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Acquire,
    };
    section(at, |armed, copy| {
        let words = core::ptr::from_ref(copy).cast::<AtomicU32>();
        // SAFETY: the caller's word: `held` comes first.
        let held = unsafe { &*words };
        // SAFETY: the caller's word: `stop` is the word behind it.
        let stop = unsafe { &*words.wrapping_add(1) };
        // Acquire: what the last remote holder wrote.
        if stop.load(last) != 0 && !mutated("acquire_no_stop") {
            return Ok(Attempt::Busy(copy));
        }
        armed.point()?;
        // Acquire: what the last local holder wrote. As `load` does, and for
        // the same reason; no holder stores this value.
        let (Ok(found) | Err(found)) = held.compare_exchange(u32::MAX, u32::MAX, last, last);
        if found != 0 && !mutated("acquire_no_held") {
            return Ok(Attempt::Busy(copy));
        }
        armed.point()?;
        held.store(1, Ordering::Relaxed);
        Ok(Attempt::Acquired(copy))
    })
}

/// The copy this thread's CPU had a moment ago.
pub(crate) fn here<'a, T>(at: Place<'a, T>, _: Index) -> Option<&'a T> {
    let machine = state::current();
    let cpu = machine.section_cpu()?;
    machine.may_migrate("migrated after it looked where it is");
    // SAFETY: the base of a unit of this machine.
    Some(unsafe { at.at(cpu as usize) })
}
