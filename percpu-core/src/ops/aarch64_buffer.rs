//! The sections of a buffer for aarch64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! As for `aarch64.rs`, with a live `Gate` at entry + `p`, whose word is at most
//! `capacity`, and behind it, `items` bytes from its start, so many slots of
//! `stride` bytes, a multiple of 8 and not 0. Only sections and drains touch
//! the slots. `record` is the address of as many bytes, the caller's own.
//! `stop` is loaded with acquire: the last drain stored the word on another CPU.

#![allow(unsafe_code)]
#![allow(named_asm_labels, reason = "one, `hold!`'s, which defines itself once")]

use core::arch::asm;

use crate::index::Index;
use crate::ops::shape::Shape;
use crate::place::Place;
use crate::sys::object::hold;
use crate::table::CpuTable;

/// The section: `$index` leaves in `x` which slot, or goes out; `$from` and `$to`
/// say which way the record goes; `$length` makes the new length of `x`, `$back` undoes it.
macro_rules! copy {
    (
        $number:ident, $table:path, $which:expr,
        $at:ident, $record:ident, $shape:ident, $index:expr, $from:literal, $to:literal,
        $length:expr, $back:expr
        $(, $name:ident = $value:expr)*
    ) => {{
        let (a, r): (usize, u64);
        // SAFETY: as in `section!`, for the length and the slots at `a`, and the
        // record.
        unsafe {
            asm!(
                concat!(
                    enter!($number),
                    "add {v}, {a}, #8\n",
                    "ldar {v:w}, [{v}]\n",
                    "mov {r}, #1\n",
                    unless!(no_stop, "cbnz {v:w}, 9f\n"),
                    "ldr {x}, [{a}]\n",
                    $index,
                    when!(commit_first, $length, "str {x}, [{a}]\n", $back, point!("2")),
                    "madd {d}, {x}, {stride}, {items}\n",
                    "add {d}, {d}, {a}\n",
                    // The record, eight bytes at a time, from its end.
                    "mov {cpu}, {stride}\n",
                    "8:\n",
                    "sub {cpu}, {cpu}, #8\n",
                    "ldr {v}, [{", $from, "}, {cpu}]\n",
                    "str {v}, [{", $to, "}, {cpu}]\n",
                    "cbnz {cpu}, 8b\n",
                    $length,
                    "mov {r}, #0\n",
                    inject!("2"),
                    "str {x}, [{a}]\n",
                    leave!(),
                ),
                t = in(reg) &raw const $table,
                p = in(reg) $at.pointer(),
                record = in(reg) $record.expose_provenance(),
                stride = in(reg) $shape.stride,
                items = in(reg) $shape.items,
                $($name = in(reg) $value,)*
                a = out(reg) a, r = out(reg) r, x = out(reg) _, area = out(reg) _,
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
        (a, r)
    }};
}

/// Whether the record went in.
///
/// # Safety
/// `T` begins with a `Gate` and keeps the module's requirements, which speak of
/// `record` too.
#[inline(always)]
pub(crate) unsafe fn buffer_push<T>(
    at: Place<'_, T>,
    record: *const u64,
    shape: Shape,
    by: Index,
) -> Option<bool> {
    let (a, r): (usize, u64) = by_index!(
        by,
        copy,
        "buffer_push",
        at,
        record,
        shape,
        unless!(no_check, "cmp {x}, {capacity}\nb.hs 9f\n"),
        "record",
        "d",
        "add {x}, {x}, #1\n",
        "sub {x}, {x}, #1\n",
        capacity = shape.capacity
    );
    if a == 0 { None } else { Some(r == 0) }
}

/// Whether a record came out.
///
/// # Safety
/// `T` begins with a `Gate` and keeps the module's requirements, which speak of
/// `record` too.
#[inline(always)]
pub(crate) unsafe fn buffer_pop<T>(
    at: Place<'_, T>,
    record: *mut u64,
    shape: Shape,
    by: Index,
) -> Option<bool> {
    let (a, r): (usize, u64) = by_index!(
        by,
        copy,
        "buffer_pop",
        at,
        record,
        shape,
        concat!(unless!(no_check, "cbz {x}, 9f\n"), "sub {x}, {x}, #1\n"),
        "d",
        "record",
        "",
        ""
    );
    if a == 0 { None } else { Some(r == 0) }
}
