//! A section on the pretend machine, and how it loads a word.
//!
//! # Safety
//!
//! Takes units' bases from the machine.

#![allow(unsafe_code)]

use crate::model::state::{self, Aborted, Armed};
use crate::ops::portable::Word;
use crate::place::Place;

/// Runs `body` on this CPU's copy as a section.
pub(crate) fn section<'a, T, R>(
    at: Place<'a, T>,
    body: impl Fn(&mut Armed<'_>, &'a T) -> Result<R, Aborted>,
) -> Option<R> {
    state::current().section(|armed, base| {
        // SAFETY: the machine gives bases of its own units.
        body(armed, unsafe { at.at(base) })
    })
}

/// Loads a word of this CPU, which only sections change.
///
/// By a compare-exchange that changes nothing, for loom's sake: of a thread
/// that loads and then stores a word loom remembers the load only, and would
/// not try the store before another thread's earlier load. Nothing is lost:
/// the CPU's lock makes the latest value the only one a load could find.
pub(crate) fn load<W: Word>(word: &W) -> W::Value {
    // If it is this value, it is stored again.
    let unlikely = W::from_bits(0xA5A5_5A5A_C33C_3CC3);
    let (Ok(value) | Err(value)) = word.exchange_if(unlikely, unlikely);
    value
}
