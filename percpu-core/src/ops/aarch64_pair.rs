//! The sections of a double word for aarch64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! As for `aarch64.rs`, with a live `DoubleWord` at entry + `p`, as
//! [`Place`] promises. Here `cpu` holds
//! the sequence number and `v`, `d` the addresses of slots, once they are free.
//! The barrier is the Release fence of `pair.rs`, for stores; the commit is a
//! store-release.

#![allow(unsafe_code)]
#![allow(named_asm_labels, reason = "one, `hold!`'s, which defines itself once")]

use core::arch::asm;

use crate::index::Index;
use crate::ops::pair::{DoubleWord, Two};
use crate::place::Place;
use crate::sys::object::hold;
use crate::table::CpuTable;

/// The section, with `$compare` between the load of the pair and its change.
macro_rules! exchange {
    ($number:ident, $table:path, $which:expr, $compare:expr $(, $name:ident = $value:expr)*) => {{
        let (a, first, second): (usize, u64, u64);
        // SAFETY: as in `section!`, for the words of the `DoubleWord` at `a`, by
        // `Place`'s invariant.
        unsafe {
            asm!(
                concat!(
                    enter!($number),
                    "ldr {cpu}, [{a}, #32]\n",
                    "and {v}, {cpu}, #1\n",
                    "add {v}, {a}, {v}, lsl #4\n",
                    "ldp {r}, {s}, [{v}]\n",
                    $compare,
                    // The other slot.
                    "add {cpu}, {cpu}, #1\n",
                    "and {v}, {cpu}, #1\n",
                    when!(same_slot, "eor {v}, {v}, #1\n"),
                    "add {v}, {a}, {v}, lsl #4\n",
                    when!(commit_first, "str {cpu}, [{a}, #32]\n", point!("2")),
                    "dmb ishst\n",
                    "stp {n}, {m}, [{v}]\n",
                    inject!("2"),
                    "add {v}, {a}, #32\n",
                    "stlr {cpu}, [{v}]\n",
                    leave!(),
                ),
                t = in(reg) &raw const $table,
                $($name = in(reg) $value,)*
                a = out(reg) a, r = out(reg) first, s = out(reg) second, area = out(reg) _,
                cpu = out(reg) _, d = out(reg) _, v = out(reg) _,
                bases = const CpuTable::BASES,
                aborts = const CpuTable::ABORTS,
                inject = const CpuTable::INJECT,
                which = const CpuTable::broken($which),
                hold = sym hold,
                out("x16") _, out("x17") _,
                options(nostack),
            );
        }
        (a, first, second)
    }};
}

/// The words found, unless it was cold.
#[inline(always)]
fn found((a, first, second): (usize, u64, u64)) -> Option<Two> {
    if a == 0 { None } else { Some((first, second)) }
}

#[inline(always)]
pub(crate) fn pair_swap(at: Place<'_, DoubleWord>, new: Two, by: Index) -> Option<Two> {
    found(by_index!(by, exchange, "pair_swap", "", p = at.pointer(), n = new.0, m = new.1))
}

/// The words found; they were replaced if they are `current`.
#[inline(always)]
pub(crate) fn pair_compare_exchange(
    at: Place<'_, DoubleWord>,
    current: Two,
    new: Two,
    by: Index,
) -> Option<Two> {
    // The branches out leave the section by its end: nothing stored.
    found(by_index!(
        by,
        exchange,
        "pair_compare_exchange",
        concat!(
            unless!(no_check, "cmp {r}, {o}\nb.ne 9f\n"),
            unless!(no_second, "cmp {s}, {q}\nb.ne 9f\n"),
        ),
        p = at.pointer(),
        o = current.0,
        q = current.1,
        n = new.0,
        m = new.1
    ))
}
