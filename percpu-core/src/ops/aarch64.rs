//! The sections for aarch64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! The requirement on a per-CPU pointer `p` is that of `x86_64.rs`: for each
//! entry of the table that is not zero, entry + `p` is the address of a live,
//! aligned word of the function's width, written only by sections, holders and
//! plain atomic stores.
//!
//! What the blocks share, register by register:
//! - `t` (in): the table of the index. `p` (in): the pointer. `n` (in): the operand.
//! - `a` (scratch or out): first the distance of `struct rseq` from the thread
//!   pointer, then the copy's address; either being 0 means "cold".
//! - `area` (scratch): this thread's `struct rseq`. `cpu` (scratch): the number.
//! - `d`, `v` (scratch): the descriptor's address; the value. Free after arming.
//! - x16 and x17 are clobbered, so that no operand is there: the branch back
//!   from the abort handler lies in another section, and a far branch that the
//!   linker lengthens goes through them.
//! - Plain loads and stores with a base register only: no write-back form, so a
//!   restart finds the inputs as they were. The dependency from the table's
//!   entry to the address orders activation before use.
//! - The index is read inside, as for x86-64.
//! - Arming and leaving to "cold": as for x86-64.
//! - Options: as for x86-64.

#![allow(unsafe_code)]
#![allow(named_asm_labels, reason = "one, `hold!`'s, which defines itself once")]

use core::arch::asm;

use crate::index::Index;
use crate::sys::object::hold;
use crate::table::CpuTable;

// Above what they are part of.
#[macro_use]
#[path = "aarch64_inject.rs"]
mod inject;

/// Once in each link unit that holds a section, whichever crates it was made
/// of: a constructor that has the unit kept mapped (`sys::object`). Once in a
/// module by the symbol, once among modules by the group that it names. The
/// hint is `bti c`.
macro_rules! hold {
    () => {
        concat!(
            ".ifndef percpu_core_0_1_hold\n",
            ".pushsection .text.percpu_core_0_1_hold, \"axG\", @progbits, ",
            "percpu_core_0_1_hold, comdat\n",
            ".balign 4\n",
            ".weak percpu_core_0_1_hold\n",
            ".hidden percpu_core_0_1_hold\n",
            ".type percpu_core_0_1_hold, @function\n",
            "percpu_core_0_1_hold:\n",
            "hint #34\n",
            "adrp x0, percpu_core_0_1_hold\n",
            "add x0, x0, :lo12:percpu_core_0_1_hold\n",
            "adrp x16, :got:{hold}\n",
            "ldr x16, [x16, :got_lo12:{hold}]\n",
            "br x16\n",
            ".size percpu_core_0_1_hold, . - percpu_core_0_1_hold\n",
            ".popsection\n",
            ".pushsection .init_array, \"awG\", @init_array, percpu_core_0_1_hold, comdat\n",
            ".balign 8\n",
            ".quad percpu_core_0_1_hold\n",
            ".popsection\n",
            ".endif\n",
        )
    };
}

/// The 32-byte descriptor, and its address for debuggers. Code refers to the former
/// only: by relocations that change nothing it keeps what debuggers read from being
/// left out by the linker as unused.
macro_rules! describe {
    () => {
        concat!(
            hold!(),
            ".pushsection __rseq_cs, \"aw\"\n",
            ".balign 32\n",
            "6:\n",
            ".long 0, 0\n",
            ".quad 3f, 4f - 3f, 5f\n",
            ".reloc 6b, BFD_RELOC_NONE, 24f\n",
            ".reloc 6b, BFD_RELOC_NONE, 25f\n",
            ".popsection\n",
            ".pushsection __rseq_cs_ptr_array, \"aw\"\n",
            "24: .quad 6b\n",
            ".popsection\n",
            broken_descriptors!(),
        )
    };
}

/// A way out of the section other than its end and its abort, for debuggers: whoever
/// steps over a section stops at one of these. After label 3.
macro_rules! exit {
    ($to:literal) => {
        concat!(
            ".pushsection __rseq_exit_point_array, \"aw\"\n",
            "25: .quad 3b, ",
            $to,
            "\n",
            ".popsection\n",
        )
    };
}

/// This thread's entry, in `cpu`: the number of its CPU. 16 bits tell which, and
/// whether it has one.
macro_rules! cpu_number {
    () => {
        "ldrh {cpu:w}, [{area}, #4]\n"
    };
}

/// The other index: the concurrency id. A thread without rseq has 0, so where the
/// number of the CPU is negative, all ones. `a` is free here.
macro_rules! cid_number {
    () => {
        concat!(
            "ldr {cpu:w}, [{area}, #4]\n",
            "ldr {a:w}, [{area}, #24]\n",
            "orr {cpu:w}, {a:w}, {cpu:w}, asr #31\n",
            "and {cpu:w}, {cpu:w}, #0xffff\n",
        )
    };
}
/// `$section` by the index that is asked for: the text of each is written once.
macro_rules! by_index {
    ($by:expr, $section:ident $(, $($argument:tt)*)?) => {
        match $by {
            crate::index::Index::Cpu => {
                $section!(cpu_number, crate::table::TABLE $(, $($argument)*)?)
            }
            crate::index::Index::Cid => {
                $section!(cid_number, crate::table::CID_TABLE $(, $($argument)*)?)
            }
        }
    };
}

/// From the start to inside the armed section with the copy's address in `a`;
/// `$number` reads the index. Leaves to `9:` with `a` = 0.
macro_rules! enter {
    ($number:ident) => {
        concat!(
            describe!(),
            "2:\n",
            "ldr {a}, [{t}]\n",
            unless!(no_distance, "cbz {a}, 9f\n"),
            "mrs {area}, tpidr_el0\n",
            "add {area}, {area}, {a}\n",
            index_early!($number),
            inject!("0"),
            arm!(),
            "3:\n",
            exit!("9f"),
            $number!(),
            unchecked!($number),
            "add {a}, {t}, {cpu}, lsl #3\n",
            "ldr {a}, [{a}, #{bases}]\n",
            unless!(no_cold, "cbz {a}, 9f\n"),
            "add {a}, {a}, {p}\n",
            inject!("1"),
        )
    };
}

/// After the commit: the end of the section and the abort handler, out of line
/// behind the signature that the kernel demands.
macro_rules! restart {
    () => {
        concat!(
            "4:\n",
            end_late!(),
            ".pushsection __rseq_failure, \"ax\"\n",
            ".inst 0xd428bc00\n",
            "5:\n",
            past_load!(),
            "add {v}, {t}, #{aborts}\n",
            "8: ldxr {d}, [{v}]\n",
            "add {d}, {d}, #1\n",
            "stxr {cpu:w}, {d}, [{v}]\n",
            "cbnz {cpu:w}, 8b\n",
            broken_restart!(),
            "b 2b\n",
            ".popsection\n",
        )
    };
}
macro_rules! leave {
    () => {
        concat!(restart!(), "9:\n")
    };
}
/// As `leave!`, for sections that have nothing more to say than that they did not
/// commit: from label 23 with `a` = 0, as if cold.
macro_rules! leave_or {
    () => {
        concat!(restart!(), exit!("23f"), "b 9f\n", "23: mov {a}, #0\n", "9:\n")
    };
}

/// A section without a result: true when it committed, false when cold.
macro_rules! section {
    ($number:ident, $table:path, $which:expr, $body:expr $(, $name:ident = $value:expr)*) => {{
        let a: usize;
        // SAFETY: the module's requirement makes `a` a valid word on whichever
        // CPU the section commits on; the block touches only that word, the
        // thread's own `rseq_cs`, the table's counters and named registers.
        unsafe {
            asm!(
                concat!(enter!($number), $body, leave!()),
                t = in(reg) &raw const $table,
                $($name = in(reg) $value,)*
                a = out(reg) a, area = out(reg) _, cpu = out(reg) _, d = out(reg) _,
                v = out(reg) _,
                bases = const CpuTable::BASES,
                aborts = const CpuTable::ABORTS,
                inject = const CpuTable::INJECT,
                which = const CpuTable::broken($which),
                hold = sym hold,
                out("x16") _, out("x17") _,
                options(nostack),
            );
        }
        a != 0
    }};
}

/// A section with a result in `r`, and `a`, which is 0 when cold.
macro_rules! section_with_result {
    ($number:ident, $table:path, $which:expr, $body:expr $(, $name:ident = $value:expr)*) => {{
        let (a, r): (usize, u64);
        // SAFETY: as in `section!`.
        unsafe {
            asm!(
                concat!(enter!($number), $body, leave!()),
                t = in(reg) &raw const $table,
                $($name = in(reg) $value,)*
                a = out(reg) a, r = out(reg) r, area = out(reg) _, cpu = out(reg) _,
                d = out(reg) _, v = out(reg) _,
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

macro_rules! modify {
    ($op:literal, $n:literal, $s:literal, $m:literal) => {
        concat!(
            "ldr",
            $s,
            " {v",
            $m,
            "}, [{a}]\n",
            inject!("2"),
            $op,
            " {v",
            $m,
            "}, {v",
            $m,
            "}, ",
            $n,
            "\n",
            "str",
            $s,
            " {v",
            $m,
            "}, [{a}]\n",
        )
    };
}

macro_rules! fetch_modify {
    ($op:literal, $n:literal, $s:literal, $m:literal) => {
        concat!(
            "ldr",
            $s,
            " {r",
            $m,
            "}, [{a}]\n",
            inject!("2"),
            $op,
            " {v",
            $m,
            "}, {r",
            $m,
            "}, ",
            $n,
            "\n",
            "str",
            $s,
            " {v",
            $m,
            "}, [{a}]\n",
        )
    };
}

macro_rules! width {
    ($module:ident, $s:literal, $m:literal, $n:literal, $o:literal) => {
        pub(super) mod $module {
            use super::{CpuTable, Index, asm, hold};

            functions! {
                section {
                    inc() = modify!("add", "#1", $s, $m);
                    dec() = modify!("sub", "#1", $s, $m);
                    add(n) = modify!("add", $n, $s, $m);
                    and(n) = modify!("and", $n, $s, $m);
                    or(n) = modify!("orr", $n, $s, $m);
                    xor(n) = modify!("eor", $n, $s, $m);
                    store(n) = concat!(inject!("2"), "str", $s, " ", $n, ", [{a}]\n");
                }
                section_with_result {
                    fetch_add(n) = fetch_modify!("add", $n, $s, $m);
                    fetch_and(n) = fetch_modify!("and", $n, $s, $m);
                    fetch_or(n) = fetch_modify!("orr", $n, $s, $m);
                    fetch_xor(n) = fetch_modify!("eor", $n, $s, $m);
                    swap(n) = concat!(
                        "ldr", $s, " {r", $m, "}, [{a}]\n",
                        inject!("2"),
                        "str", $s, " ", $n, ", [{a}]\n",
                    );
                    // The old value `r`; exchanged if it equals `o`, which arrives
                    // zero-extended from the word's width, as `ldr` loads. The
                    // branch out leaves the section by its end: nothing stored.
                    compare_exchange(o, n) = concat!(
                        "ldr", $s, " {r", $m, "}, [{a}]\n",
                        unless!(no_check, "cmp {r", $m, "}, ", $o, "\nb.ne 9f\n"),
                        inject!("2"),
                        "str", $s, " ", $n, ", [{a}]\n",
                    );
                }
            }
        }
    };
}

width!(byte, "b", ":w", "{n:w}", "{o:w}");
width!(word, "h", ":w", "{n:w}", "{o:w}");
width!(double, "", ":w", "{n:w}", "{o:w}");
width!(quad, "", ":x", "{n:x}", "{o:x}");

/// What [`acquire`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Acquired,
    Busy,
}

/// Takes the lock whose `held` word is at `p` and whose `stop` word follows.
/// The address of the copy comes back with the outcome.
///
/// # Safety
/// The module's requirement on `p` for both words.
#[inline(always)]
pub(super) unsafe fn acquire(p: usize, by: Index) -> Option<(usize, Found)> {
    let (a, r): (usize, u64);
    macro_rules! acquire {
        ($number:ident, $table:path) => {
            // SAFETY: as in `section!`, for two words at `a`. Both loads acquire:
            // the last holder, or the last remote locker, may have left from
            // another CPU.
            unsafe {
                asm!(
                    concat!(
                        enter!($number),
                        "add {v}, {a}, #4\n",
                        "ldar {r:w}, [{v}]\n",
                        unless!(no_stop, "cbnz {r:w}, 9f\n"),
                        "ldar {r:w}, [{a}]\n",
                        unless!(no_check, "cbnz {r:w}, 9f\n"),
                        when!(no_check, "mov {r:w}, #0\n"),
                        inject!("2"),
                        "mov {v:w}, #1\n",
                        "str {v:w}, [{a}]\n",
                        leave!()
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) p,
                    a = out(reg) a, r = out(reg) r, area = out(reg) _, cpu = out(reg) _,
                    d = out(reg) _, v = out(reg) _,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("acquire"),
                    hold = sym hold,
                    out("x16") _, out("x17") _,
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, acquire);
    match (a, r as u32) {
        (0, _) => None,
        (a, 0) => Some((a, Found::Acquired)),
        (a, _) => Some((a, Found::Busy)),
    }
}

/// Address of the copy that this thread had a moment ago, or `None` when the fast
/// path is closed to this thread.
#[inline(always)]
pub(super) fn here(p: usize, by: Index) -> Option<usize> {
    let table = CpuTable::of(by);
    let offset = table.rseq_offset.load(core::sync::atomic::Ordering::Relaxed);
    let cpu: usize;
    macro_rules! number {
        ($number:ident, $table:path) => {
            // SAFETY: reads from the thread control block: `cpu_id`, `mm_cid` once
            // the offset is set, which happens once for all threads, else parts of
            // the words at the thread pointer. Changes nothing.
            unsafe {
                asm!(
                    concat!(
                        "mrs {area}, tpidr_el0\n",
                        "add {area}, {area}, {a}\n",
                        $number!(),
                    ),
                    a = inout(reg) offset => _,
                    area = out(reg) _,
                    cpu = out(reg) cpu,
                    options(nostack, readonly, preserves_flags),
                )
            }
        };
    }
    by_index!(by, number);
    // Acquire, unlike the sections: the address is used by compiled code, and
    // the language has no dependency ordering. Partner: `Units::activate`.
    match table.bases[cpu].load(core::sync::atomic::Ordering::Acquire) {
        0 => None,
        base => Some(base.wrapping_add(p)),
    }
}

// Below the macros, which it uses.
#[path = "aarch64_stack.rs"]
pub(crate) mod stack;
// Below the macros, which they use.
#[path = "aarch64_buffer.rs"]
pub(crate) mod buffer;
#[path = "aarch64_list.rs"]
pub(crate) mod list;
#[path = "aarch64_pair.rs"]
pub(crate) mod pair;
#[path = "aarch64_switch.rs"]
pub(crate) mod switch;
