//! The sections on stacks for x86-64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! Each block is handed a [`StackPlace`], whose invariant is all it requires:
//! `a` is the head of a live stack with the slots that the bounds admit. What
//! the blocks share, register by register, stands in `x86_64.rs`; beside that:
//! - `cpu` (scratch): once `a` is the address, a length.
//! - `limit` (in): the address of the stacks' limit, which the place keeps alive.
//! - `from`, `to`: one is (in) a live buffer of the caller's of at least `want`
//!   words, the other (scratch) the slots.
//! - A slot, or the buffer, may be written by an attempt that is aborted: slots
//!   above the length hold anything, and the buffer is written again.
//! - `from`, `to` and slots by a length that is no less than 0 and no more than the
//!   capacity: a word that says otherwise is that of a stopped unit, and left.

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
        either!(
            no_stop,
            concat!("mov {", $r, ":e}, dword ptr [{a}]\n"),
            concat!("mov {", $r, "}, qword ptr [{a}]\n"),
        )
    };
}
/// The commit: `$r` is the word now. (Who does not look at the mark does not write over
/// it either, or the drain would know.)
macro_rules! commit {
    ($r:literal) => {
        // Nothing may come after it, a jump neither.
        concat!(
            when!(no_stop, "mov dword ptr [{a}], {", $r, ":e}\njmp 4f\n"),
            "mov qword ptr [{a}], {",
            $r,
            "}\n",
        )
    };
}

const SLOTS: usize = size_of::<StackCopy>();

/// Puts one item on top, if fewer than the limit are there; whether it did.
#[inline(always)]
pub(crate) fn push(at: StackPlace<'_>, bits: u64, by: Index) -> bool {
    macro_rules! section {
        ($number:ident, $table:path) => {
            // SAFETY: the module's; the slot is below the capacity, as the limit is
            // never more.
            unsafe {
                asm!(
                    concat!(
                        enter!($number, "{not}"),
                        word!("cpu"),
                        // A stopped one too is no less, unsigned.
                        unless!(no_check, "cmp {cpu}, qword ptr [{limit}]\njae {not}\n"),
                        when!(
                            commit_first,
                            "add {cpu}, 1\nmov qword ptr [{a}], {cpu}\nsub {cpu}, 1\n",
                            point!("2"),
                        ),
                        "mov qword ptr [{a} + 8 * {cpu} + {slots}], {bits}\n",
                        inject!("2"),
                        "add {cpu}, 1\n",
                        commit!("cpu"),
                        leave!(),
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.place().pointer(),
                    bits = in(reg) bits,
                    limit = in(reg) core::ptr::from_ref(at.limit()),
                    a = out(reg) _, cpu = out(reg) _, d = out(reg) _,
                    slots = const SLOTS,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("push"),
                    hold = sym hold,
                    not = label { return false },
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, section);
    true
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
                        enter!($number, "9f"),
                        word!("cpu"),
                        // Less than 0 if it was 0, and if it was stopped.
                        exit!("23f"),
                        either!(no_check, "sub {cpu}, 1\n", "sub {cpu}, 1\njs 23f\n"),
                        when!(commit_first, "mov qword ptr [{a}], {cpu}\n", point!("2")),
                        "mov {r}, qword ptr [{a} + 8 * {cpu} + {slots}]\n",
                        inject!("2"),
                        commit!("cpu"),
                        leave!(),
                        // Out of line too: `a` says all that the caller asks, in
                        // one comparison.
                        ".pushsection __rseq_failure, \"ax\"\n",
                        "23: xor {a:e}, {a:e}\n",
                        "jmp 9f\n",
                        ".popsection\n",
                        "9:\n",
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.place().pointer(),
                    a = out(reg) a, r = out(reg) r,
                    cpu = out(reg) _, d = out(reg) _,
                    slots = const SLOTS,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("pop"),
                    hold = sym hold,
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
                        enter!($number, "9f"),
                        word!("r"),
                        "mov {cpu}, {r}\n",
                        "test {r}, {r}\n",
                        "js 9f\n",
                        "xor {r:e}, {r:e}\n",
                        "mov {i}, qword ptr [{limit}]\n",
                        either!(no_check, "sub {i}, {cpu}\n", "sub {i}, {cpu}\njbe 9f\n"),
                        unless!(no_want, "cmp {i}, {want}\ncmova {i}, {want}\n"),
                        unless!(no_least, "cmp {i}, {least}\njb 9f\n"),
                        "mov {r:e}, {i:e}\n",
                        when!(
                            commit_first,
                            "add {cpu}, {r}\nmov qword ptr [{a}], {cpu}\nsub {cpu}, {r}\n",
                            point!("2"),
                        ),
                        "lea {to}, [{a} + 8 * {cpu} + {slots} - 8]\n",
                        "22: mov {d}, qword ptr [{from} + 8 * {i} - 8]\n",
                        "mov qword ptr [{to} + 8 * {i}], {d}\n",
                        "dec {i:e}\n",
                        "jnz 22b\n",
                        inject!("2"),
                        "add {cpu:e}, {r:e}\n",
                        commit!("cpu"),
                        leave!(),
                        "9:\n",
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.place().pointer(),
                    from = in(reg) items.as_ptr(),
                    want = in(reg) items.len().min(BATCH),
                    least = in(reg) least.max(1),
                    limit = in(reg) core::ptr::from_ref(at.limit()),
                    a = out(reg) a, r = out(reg) r,
                    cpu = out(reg) _, d = out(reg) _, i = out(reg) _, to = out(reg) _,
                    slots = const SLOTS,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("push_batch"),
                    hold = sym hold,
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
                        enter!($number, "9f"),
                        word!("r"),
                        "mov {cpu}, {r}\n",
                        "test {r}, {r}\n",
                        "js 9f\n",
                        "xor {r:e}, {r:e}\n",
                        "mov {i:e}, {cpu:e}\n",
                        unless!(no_want, "cmp {i}, {want}\ncmova {i}, {want}\n"),
                        unless!(no_least, "cmp {i}, {least}\njb 9f\n"),
                        "mov {r:e}, {i:e}\n",
                        "sub {cpu:e}, {i:e}\n",
                        when!(commit_first, "mov qword ptr [{a}], {cpu}\n", point!("2")),
                        "lea {from}, [{a} + 8 * {cpu} + {slots} - 8]\n",
                        "22: mov {d}, qword ptr [{from} + 8 * {i}]\n",
                        "mov qword ptr [{to} + 8 * {i} - 8], {d}\n",
                        "dec {i:e}\n",
                        "jnz 22b\n",
                        inject!("2"),
                        commit!("cpu"),
                        leave!(),
                        "9:\n",
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) at.place().pointer(),
                    to = in(reg) out.as_mut_ptr(),
                    want = in(reg) out.len().min(BATCH),
                    least = in(reg) least.max(1),
                    a = out(reg) a, r = out(reg) r,
                    cpu = out(reg) _, d = out(reg) _, i = out(reg) _, from = out(reg) _,
                    slots = const SLOTS,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("pop_batch"),
                    hold = sym hold,
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, section);
    moved(a, r)
}
