//! The sections of a list for aarch64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! As for `aarch64.rs`, with a live `Gate` at entry + `p` whose word is 0 or the
//! address of a live node, which begins with the word that says the same of the
//! next one. Nodes are freed only by who popped them or drained the unit; either
//! restarts a section that had read their address. `stop` is loaded with
//! acquire: the last drain stored the word on another CPU.

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
            "add {v}, {a}, #8\n",
            "ldar {v:w}, [{v}]\n",
            "mov {r}, #1\n",
            unless!(no_stop, "cbnz {v:w}, 9f\n"),
            "ldr {v}, [{a}]\n",
            when!(commit_first, "str {n}, [{a}]\n", point!("2")),
            "str {v}, [{n}]\n",
            "mov {r}, #0\n",
            inject!("2"),
            "str {n}, [{a}]\n",
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
            "add {v}, {a}, #8\n",
            "ldar {v:w}, [{v}]\n",
            "mov {r}, #0\n",
            unless!(no_stop, "cbnz {v:w}, 9f\n"),
            "ldr {r}, [{a}]\n",
            unless!(no_check, "cbz {r}, 9f\n"),
            inject!("2"),
            "ldr {v}, [{r}]\n",
            inject!("2"),
            "str {v}, [{a}]\n",
        ),
        p = at.pointer()
    );
    if a == 0 { None } else { Some(node as usize) }
}
