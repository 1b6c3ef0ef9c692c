//! The sections on stacks for aarch64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! Each block is handed a [`StackPlace`], whose invariant is all it requires:
//! `a` is the head of a live stack with the slots that the bounds admit. What
//! the blocks share, register by register, stands in `aarch64.rs`; beside that:
//! - `n` (scratch or out): a length. `i` (scratch): items still to be moved.
//! - `limit` (in): the address of the stacks' limit, which the place keeps alive.
//! - `from`, `to`: one is (in) a live buffer of the caller's of at least `want`
//!   words, the other (scratch) the slots.
//! - A slot, or the buffer, may be written by an attempt that is aborted: slots
//!   above the length hold anything, and the buffer is written again.
//! - Slots by a length that is no less than 0 and no more than the capacity: a word
//!   that says otherwise is that of a stopped unit, and left.

#![allow(unsafe_code)]

use core::arch::asm;
use core::mem::MaybeUninit;

use crate::index::Index;
use crate::ops::refused::{Refused, moved};
use crate::stack_copy::{BATCH, StackCopy, StackPlace};
use crate::sys::object::hold;
use crate::table::CpuTable;

/// The word, in `$r`: a length, or less than 0 if a drain stops this unit.
macro_rules! word {
    ($r:literal) => {
        either!(no_stop, concat!("ldr {", $r, ":w}, [{a}]\n"), concat!("ldr {", $r, "}, [{a}]\n"),)
    };
}
/// The commit: `$r` is the word now. (Who does not look at the mark does not write over
/// it either, or the drain would know.)
macro_rules! commit {
    ($r:literal) => {
        // Nothing may come after it, a jump neither.
        concat!(when!(no_stop, "str {", $r, ":w}, [{a}]\nb 4f\n"), "str {", $r, "}, [{a}]\n",)
    };
}

const SLOTS: usize = size_of::<StackCopy>();

/// Puts one item on top, if fewer than the limit are there; whether it did.
#[inline(always)]
pub(crate) fn push(at: StackPlace<'_>, bits: u64, by: Index) -> bool {
    let a: usize;
    macro_rules! section {
        ($number:ident, $table:path) => {
            // SAFETY: the module's; the slot is below the capacity, as the limit is
            // never more.
            unsafe {
                asm!(
                    concat!(
                        enter!($number),
                        word!("n"),
                        "ldr {v}, [{limit}]\n",
                        // A stopped one too is no less, unsigned.
                        unless!(no_check, "cmp {n}, {v}\nb.hs 23f\n"),
                        when!(
                            commit_first,
                            "add {v}, {n}, #1\nstr {v}, [{a}]\n",
                            point!("2"),
                        ),
                        "add {v}, {a}, {n}, lsl #3\n",
                        "str {bits}, [{v}, #{slots}]\n",
                        inject!("2"),
                        "add {v}, {n}, #1\n",
                        commit!("v"),
                        leave_or!(),
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.place().pointer(),
                    bits = in(reg) bits,
                    limit = in(reg) core::ptr::from_ref(at.limit()),
                    a = out(reg) a, n = out(reg) _,
                    area = out(reg) _, cpu = out(reg) _, d = out(reg) _, v = out(reg) _,
                    slots = const SLOTS,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("push"),
                    hold = sym hold,
                    out("x16") _, out("x17") _,
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, section);
    a != 0
}

/// Takes the item on top, if there is one to be had.
#[inline(always)]
pub(crate) fn pop(at: StackPlace<'_>, by: Index) -> Option<u64> {
    let (a, r): (usize, u64);
    macro_rules! section {
        ($number:ident, $table:path) => {
            // SAFETY: the module's; below the length lie items.
            unsafe {
                asm!(
                    concat!(
                        enter!($number),
                        word!("n"),
                        // Less than 0 if it was 0, and if it was stopped.
                        "subs {n}, {n}, #1\n",
                        unless!(no_check, "b.mi 23f\n"),
                        when!(commit_first, "str {n}, [{a}]\n", point!("2")),
                        "add {v}, {a}, {n}, lsl #3\n",
                        "ldr {r}, [{v}, #{slots}]\n",
                        inject!("2"),
                        commit!("n"),
                        leave_or!(),
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.place().pointer(),
                    a = out(reg) a, n = out(reg) _, r = out(reg) r,
                    area = out(reg) _, cpu = out(reg) _, d = out(reg) _, v = out(reg) _,
                    slots = const SLOTS,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("pop"),
                    hold = sym hold,
                    out("x16") _, out("x17") _,
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, section);
    if a == 0 { None } else { Some(r) }
}

/// Puts `items` on top, or as many from the first on as the limit has room for,
/// if these are at least `least`; never more than [`BATCH`].
#[inline]
pub(crate) fn push_batch(
    at: StackPlace<'_>,
    items: &[u64],
    least: usize,
    by: Index,
) -> Option<Result<usize, Refused>> {
    let (a, r): (usize, u64);
    macro_rules! section {
        ($number:ident, $table:path) => {
            // SAFETY: the module's; the slots are below the capacity.
            unsafe {
                asm!(
                    concat!(
                        enter!($number),
                        word!("r"),
                        "tbnz {r}, #63, 9f\n",
                        "mov {n}, {r}\n",
                        "mov {r}, #0\n",
                        "ldr {i}, [{limit}]\n",
                        // `subs`: below or equal leaves no room.
                        "subs {i}, {i}, {n}\n",
                        unless!(no_check, "b.ls 9f\n"),
                        unless!(no_want, "cmp {i}, {want}\ncsel {i}, {i}, {want}, lo\n"),
                        unless!(no_least, "cmp {i}, {least}\nb.lo 9f\n"),
                        "mov {r}, {i}\n",
                        when!(
                            commit_first,
                            "add {v}, {n}, {r}\nstr {v}, [{a}]\n",
                            point!("2"),
                        ),
                        "add {to}, {a}, {n}, lsl #3\n",
                        "22: sub {i}, {i}, #1\n",
                        "ldr {v}, [{from}, {i}, lsl #3]\n",
                        "add {d}, {to}, {i}, lsl #3\n",
                        "str {v}, [{d}, #{slots}]\n",
                        "cbnz {i}, 22b\n",
                        inject!("2"),
                        "add {n}, {n}, {r}\n",
                        commit!("n"),
                        leave!(),
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.place().pointer(),
                    from = in(reg) items.as_ptr(),
                    want = in(reg) items.len().min(BATCH),
                    least = in(reg) least.max(1),
                    limit = in(reg) core::ptr::from_ref(at.limit()),
                    a = out(reg) a, r = out(reg) r,
                    n = out(reg) _, i = out(reg) _, to = out(reg) _,
                    area = out(reg) _, cpu = out(reg) _, d = out(reg) _, v = out(reg) _,
                    slots = const SLOTS,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("push_batch"),
                    hold = sym hold,
                    out("x16") _, out("x17") _,
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, section);
    moved(a, r)
}

/// Takes the items on top, as many as `out` has room for, if these are at least
/// `least`; never more than [`BATCH`]. The one on top comes last.
#[inline]
pub(crate) fn pop_batch(
    at: StackPlace<'_>,
    out: &mut [MaybeUninit<u64>],
    least: usize,
    by: Index,
) -> Option<Result<usize, Refused>> {
    let (a, r): (usize, u64);
    macro_rules! section {
        ($number:ident, $table:path) => {
            // SAFETY: the module's; below the length lie items.
            unsafe {
                asm!(
                    concat!(
                        enter!($number),
                        word!("r"),
                        "tbnz {r}, #63, 9f\n",
                        "mov {n}, {r}\n",
                        "mov {r}, #0\n",
                        either!(
                            no_want,
                            "mov {i}, {n}\n",
                            "cmp {n}, {want}\ncsel {i}, {n}, {want}, lo\n",
                        ),
                        unless!(no_least, "cmp {i}, {least}\nb.lo 9f\n"),
                        "mov {r}, {i}\n",
                        "sub {n}, {n}, {i}\n",
                        when!(commit_first, "str {n}, [{a}]\n", point!("2")),
                        "add {from}, {a}, {n}, lsl #3\n",
                        "22: sub {i}, {i}, #1\n",
                        "add {d}, {from}, {i}, lsl #3\n",
                        "ldr {v}, [{d}, #{slots}]\n",
                        "str {v}, [{to}, {i}, lsl #3]\n",
                        "cbnz {i}, 22b\n",
                        inject!("2"),
                        commit!("n"),
                        leave!(),
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.place().pointer(),
                    to = in(reg) out.as_mut_ptr(),
                    want = in(reg) out.len().min(BATCH),
                    least = in(reg) least.max(1),
                    a = out(reg) a, r = out(reg) r,
                    n = out(reg) _, i = out(reg) _, from = out(reg) _,
                    area = out(reg) _, cpu = out(reg) _, d = out(reg) _, v = out(reg) _,
                    slots = const SLOTS,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("pop_batch"),
                    hold = sym hold,
                    out("x16") _, out("x17") _,
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, section);
    moved(a, r)
}
