//! The sections behind a switch for x86-64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! As for `x86_64.rs`, with the words that [`Place`] promises at entry + `p`; beside
//! what is said there:
//! - `s` (in): the address of a live switch or turn, which the reference keeps
//!   alive. A processor of this kind loads in order, so what an open switch lets
//!   in is no older than what opened it.
//! - `cpu` (scratch): once `a` is the address, the new value's distance from `low`.
//! - A turn is masked to one bit, so the word is one of the two at the place.

#![allow(unsafe_code)]

use core::arch::asm;

use crate::atomic::{AtomicU32, AtomicU64};
use crate::index::Index;
use crate::ops::refused::Refused;
use crate::place::Place;
use crate::sys::object::hold;
use crate::table::CpuTable;

/// Leaves to `$closed` if the switch is.
macro_rules! open {
    () => {
        concat!(exit!("{closed}"), unless!(no_stop, "cmp dword ptr [{s}], 0\njne {closed}\n"))
    };
}

/// Adds if the switch is open.
#[inline(always)]
pub(crate) fn add(
    at: Place<'_, AtomicU64>,
    switch: &AtomicU32,
    n: u64,
    by: Index,
) -> Option<Result<(), Refused>> {
    macro_rules! section {
        ($number:ident, $table:path) => {
            // SAFETY: the module's; changes the one word.
            unsafe {
                asm!(
                    concat!(
                        enter!($number, "{cold}"),
                        open!(),
                        modify!("add", "{n}", "qword ptr", ":r"),
                        leave!(),
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.pointer(),
                    s = in(reg) core::ptr::from_ref(switch),
                    n = in(reg) n,
                    a = out(reg) _, cpu = out(reg) _, d = out(reg) _,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("behind_add"),
                    hold = sym hold,
                    cold = label { return None },
                    closed = label { return Some(Err(Refused::Stopped)) },
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, section);
    Some(Ok(()))
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
    macro_rules! section {
        ($number:ident, $table:path) => {
            // SAFETY: the module's; changes the one word.
            unsafe {
                asm!(
                    concat!(
                        enter!($number, "{cold}"),
                        open!(),
                        // The look hangs off the chain of changes, which goes
                        // through memory by the one instruction that forwards best.
                        "mov {cpu}, qword ptr [{a}]\n",
                        "add {cpu}, {n}\n",
                        "sub {cpu}, {low}\n",
                        exit!("{beyond}"),
                        unless!(no_check, "cmp {cpu}, {span}\nja {beyond}\n"),
                        modify!("add", "{n}", "qword ptr", ":r"),
                        leave!(),
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.pointer(),
                    s = in(reg) core::ptr::from_ref(switch),
                    n = in(reg) n,
                    low = in(reg) low,
                    span = in(reg) span,
                    a = out(reg) _, cpu = out(reg) _, d = out(reg) _,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("add_within"),
                    hold = sym hold,
                    cold = label { return None },
                    closed = label { return Some(Err(Refused::Stopped)) },
                    beyond = label { return Some(Err(Refused::Bounds)) },
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, section);
    Some(Ok(()))
}

/// Whose turn it is, in `r`.
macro_rules! turn {
    () => {
        either!(no_turn, "xor {r:e}, {r:e}\n", "mov {r:e}, dword ptr [{s}]\nand {r:e}, 1\n",)
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
        concat!(turn!(), "lea {a}, [{a} + 8 * {r}]\n", modify!("add", "1", "qword ptr", ":r"),),
        p = at.pointer(),
        s = core::ptr::from_ref(turn)
    );
    if a == 0 { None } else { Some(r as usize) }
}
