//! The sections behind a switch for aarch64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! As for `aarch64.rs`, with the words that [`Place`] promises at entry + `p`; beside
//! what is said there:
//! - `s` (in): the address of a live switch or turn, which the reference keeps
//!   alive. It is loaded with acquire: what an open switch lets in is no older
//!   than what opened it.
//! - A turn is masked to one bit, so the word is one of the two at the place.
//! - `r`: all ones if the switch is closed, one if the value would be out of
//!   bounds, zero once it is past both.

#![allow(unsafe_code)]

use core::arch::asm;

use crate::atomic::{AtomicU32, AtomicU64};
use crate::index::Index;
use crate::ops::refused::Refused;
use crate::place::Place;
use crate::sys::object::hold;
use crate::table::CpuTable;

/// Leaves with `r` all ones if the switch is closed.
macro_rules! open {
    () => {
        concat!("mov {r}, #-1\nldar {v:w}, [{s}]\n", unless!(no_stop, "cbnz {v:w}, 9f\n"),)
    };
}

fn outcome((a, r): (usize, u64)) -> Option<Result<(), Refused>> {
    match (a, r) {
        (0, _) => None,
        (_, 0) => Some(Ok(())),
        (_, 1) => Some(Err(Refused::Bounds)),
        _ => Some(Err(Refused::Stopped)),
    }
}

/// Adds if the switch is open.
#[inline(always)]
pub(crate) fn add(
    at: Place<'_, AtomicU64>,
    switch: &AtomicU32,
    n: u64,
    by: Index,
) -> Option<Result<(), Refused>> {
    outcome(by_index!(
        by,
        section_with_result,
        "behind_add",
        concat!(
            open!(),
            "mov {r}, #0\n",
            "ldr {v}, [{a}]\n",
            "add {v}, {v}, {n}\n",
            inject!("2"),
            "str {v}, [{a}]\n",
        ),
        p = at.pointer(),
        s = core::ptr::from_ref(switch),
        n = n
    ))
}

/// Adds if the switch is open and the new value lies in `low..=low + span`.
#[inline(always)]
pub(crate) fn add_within(
    at: Place<'_, AtomicU64>,
    switch: &AtomicU32,
    n: u64,
    (low, span): (u64, u64),
    by: Index,
) -> Option<Result<(), Refused>> {
    outcome(by_index!(
        by,
        section_with_result,
        "add_within",
        concat!(
            open!(),
            "mov {r}, #1\n",
            "ldr {v}, [{a}]\n",
            "add {v}, {v}, {n}\n",
            "sub {cpu}, {v}, {low}\n",
            unless!(no_check, "cmp {cpu}, {span}\nb.hi 9f\n"),
            "mov {r}, #0\n",
            inject!("2"),
            "str {v}, [{a}]\n",
        ),
        p = at.pointer(),
        s = core::ptr::from_ref(switch),
        n = n,
        low = low,
        span = span
    ))
}

/// Whose turn it is, in `r`.
macro_rules! turn {
    () => {
        either!(no_turn, "mov {r}, #0\n", "ldar {r:w}, [{s}]\nand {r}, {r}, #1\n")
    };
}

/// Adds one to the word whose turn it is, and says which.
#[inline(always)]
pub(crate) fn add_in_turn(
    at: Place<'_, [AtomicU64; 2]>,
    turn: &AtomicU32,
    by: Index,
) -> Option<usize> {
    let (a, r): (usize, u64) = by_index!(
        by,
        section_with_result,
        "add_in_turn",
        concat!(
            turn!(),
            "add {a}, {a}, {r}, lsl #3\n",
            "ldr {v}, [{a}]\n",
            "add {v}, {v}, #1\n",
            inject!("2"),
            "str {v}, [{a}]\n",
        ),
        p = at.pointer(),
        s = core::ptr::from_ref(turn)
    );
    if a == 0 { None } else { Some(r as usize) }
}
