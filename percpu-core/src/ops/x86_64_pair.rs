//! The sections of a double word for x86-64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! As for `x86_64.rs`, with a live `DoubleWord` at entry + `p`, as
//! [`Place`] promises. Here `cpu` holds
//! the sequence number and `d` the distance of a slot, once they are free. Stores
//! become visible in program order, as the orderings of `pair.rs` ask.

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
                    enter!($number, "9f"),
                    "mov {cpu}, qword ptr [{a} + 32]\n",
                    "mov {d}, {cpu}\n",
                    "and {d:e}, 1\n",
                    "shl {d:e}, 4\n",
                    "mov {r}, qword ptr [{a} + {d}]\n",
                    "mov {s}, qword ptr [{a} + {d} + 8]\n",
                    $compare,
                    // The other slot.
                    unless!(same_slot, "xor {d:e}, 16\n"),
                    when!(
                        commit_first,
                        "inc {cpu}\nmov qword ptr [{a} + 32], {cpu}\n",
                        point!("2"),
                        "mov {d}, {cpu}\nand {d:e}, 1\nshl {d:e}, 4\ndec {cpu}\n",
                    ),
                    "mov qword ptr [{a} + {d}], {n}\n",
                    "mov qword ptr [{a} + {d} + 8], {m}\n",
                    "inc {cpu}\n",
                    inject!("2"),
                    "mov qword ptr [{a} + 32], {cpu}\n",
                    leave!(),
                    "9:\n",
                ),
                t = in(reg) &raw const $table,
                $($name = in(reg) $value,)*
                a = out(reg) a, r = out(reg) first, s = out(reg) second,
                cpu = out(reg) _, d = out(reg) _,
                bases = const CpuTable::BASES,
                aborts = const CpuTable::ABORTS,
                inject = const CpuTable::INJECT,
                which = const CpuTable::broken($which),
                hold = sym hold,
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
    // The branches out leave the section: nothing stored.
    found(by_index!(
        by,
        exchange,
        "pair_compare_exchange",
        concat!(
            unless!(no_check, "cmp {r}, {o}\njne 9f\n"),
            unless!(no_second, "cmp {s}, {q}\njne 9f\n"),
        ),
        p = at.pointer(),
        o = current.0,
        q = current.1,
        n = new.0,
        m = new.1
    ))
}
