//! The sections behind a switch on the pretend machine, step by step after
//! `contract.rs`.

use crate::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::index::Index;
use crate::mutate::mutated;
use crate::ops::model_section::{load, section};
use crate::ops::portable::Word;
use crate::ops::refused::Refused;
use crate::place::Place;

/// What a switch or a turn holds. Acquire: what was stored before it was set.
fn look(word: &AtomicU32) -> u32 {
    let last = match mutated("switch_entered_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Acquire,
    };
    word.load(last)
}

pub(crate) fn add(
    at: Place<'_, AtomicU64>,
    switch: &AtomicU32,
    n: u64,
    by: Index,
) -> Option<Result<(), Refused>> {
    add_within(at, switch, n, (0, u64::MAX), by)
}

pub(crate) fn add_within(
    at: Place<'_, AtomicU64>,
    switch: &AtomicU32,
    n: u64,
    (low, span): (u64, u64),
    _: Index,
) -> Option<Result<(), Refused>> {
    section(at, |armed, word| {
        if look(switch) != 0 {
            return Ok(Err(Refused::Stopped));
        }
        armed.point()?;
        let value = load(word).wrapping_add(n);
        if value.wrapping_sub(low) > span {
            return Ok(Err(Refused::Bounds));
        }
        armed.point()?;
        word.put(value);
        Ok(Ok(()))
    })
}

pub(crate) fn add_in_turn(
    at: Place<'_, [AtomicU64; 2]>,
    turn: &AtomicU32,
    _: Index,
) -> Option<usize> {
    section(at, |armed, words| {
        let which = look(turn) as usize & 1;
        armed.point()?;
        let value = load(&words[which]);
        armed.point()?;
        // Below zero where more have left than entered.
        words[which].put(value.wrapping_add(1));
        Ok(which)
    })
}
