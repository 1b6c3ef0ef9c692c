//! The sections of a list for x86-64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! As for `x86_64.rs`, with a live `Gate` at entry + `p` whose word is 0 or the
//! address of a live node, which begins with the word that says the same of the
//! next one. Nodes are freed only by who popped them or drained the unit; either
//! restarts a section that had read their address.

#![allow(unsafe_code)]
#![allow(named_asm_labels, reason = "one, `hold!`'s, which defines itself once")]

use core::arch::asm;

use crate::index::Index;
use crate::place::Place;
use crate::sys::object::hold;
use crate::table::CpuTable;

/// Whether `node`, the caller's own, went in.
///
/// # Safety
/// `T` begins with a `Gate` and keeps the module's requirements; `node` is the
/// address of a node.
#[inline(always)]
pub(crate) unsafe fn list_push<T>(at: Place<'_, T>, node: usize, by: Index) -> Option<bool> {
    let (a, closed): (usize, u64) = by_index!(
        by,
        section_with_result,
        "list_push",
        concat!(
            "mov {r:e}, 1\n",
            unless!(no_stop, "cmp dword ptr [{a} + 8], 0\njne 9f\n"),
            "mov {cpu}, qword ptr [{a}]\n",
            when!(commit_first, "mov qword ptr [{a}], {n}\n", point!("2")),
            "mov qword ptr [{n}], {cpu}\n",
            "xor {r:e}, {r:e}\n",
            inject!("2"),
            "mov qword ptr [{a}], {n}\n",
        ),
        p = at.pointer(),
        n = node
    );
    if a == 0 { None } else { Some(closed == 0) }
}

/// The address of the node that came out, or 0.
///
/// # Safety
/// `T` begins with a `Gate` and keeps the module's requirements.
#[inline(always)]
pub(crate) unsafe fn list_pop<T>(at: Place<'_, T>, by: Index) -> Option<usize> {
    let (a, node): (usize, u64) = by_index!(
        by,
        section_with_result,
        "list_pop",
        concat!(
            "xor {r:e}, {r:e}\n",
            unless!(no_stop, "cmp dword ptr [{a} + 8], 0\njne 9f\n"),
            "mov {r}, qword ptr [{a}]\n",
            unless!(no_check, "test {r}, {r}\njz 9f\n"),
            inject!("2"),
            "mov {cpu}, qword ptr [{r}]\n",
            inject!("2"),
            "mov qword ptr [{a}], {cpu}\n",
        ),
        p = at.pointer()
    );
    if a == 0 { None } else { Some(node as usize) }
}
