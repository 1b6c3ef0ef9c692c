//! The sections for x86-64; `contract.rs` says what each does.
//!
//! # Safety
//!
//! Every function here takes a per-CPU pointer `p` and requires for each entry
//! of the table that is not zero, entry + `p` is the address of a live,
//! naturally aligned word of the function's width, which is only written by
//! sections, by holders (see `local_lock.rs`) and by plain atomic stores whose
//! loss is accepted. [`Place`](crate::place::Place) upholds it.
//!
//! What the blocks share, register by register:
//! - `t` (in): the table of the index. `p` (in): the pointer. `n` (in): the operand.
//! - `a` (scratch or out): first the distance of `struct rseq` from the thread
//!   pointer, then the copy's address. Either being 0 means "cold", and 0 is
//!   what the functions with a result return to say so.
//! - `cpu`, `d` (scratch): the CPU number, the descriptor's address. Inside the
//!   section, once `a` is the address, both are free.
//! - The index is read inside: `cpu_id`, or `mm_cid` and the sign of `cpu_id`. Both
//!   lie in the 32 bytes that every registration covers.
//! - An abort arrives with all registers as they were; only inputs are relied on.
//! - Nothing is stored through the distance before it is known not to be 0: the
//!   thread control block lies there. Once set it is every thread's own area.
//! - A jump to "cold" may leave the section armed; that is harmless, as the
//!   kernel finds the thread outside of it.
//! - Options: `nostack` (nothing is pushed); no `nomem`, as memory is read and
//!   written; no `preserves_flags`. Labels 2 to 9 are local numbers.
//! - `rseq_cs` stays armed after the commit; the kernel clears it when it next
//!   looks, and the object that holds this code is never unmapped (`sys::object`).

#![allow(unsafe_code)]
#![allow(named_asm_labels, reason = "one, `hold!`'s, which defines itself once")]

use core::arch::asm;

use crate::index::Index;
use crate::sys::object::hold;
use crate::table::CpuTable;

// Above what they are part of.
#[macro_use]
#[path = "x86_64_inject.rs"]
mod inject;

/// Once in each link unit that holds a section, whichever crates it was made
/// of: a constructor that has the unit kept mapped (`sys::object`). Once in a
/// module by the symbol, once among modules by the group that it names.
macro_rules! hold {
    () => {
        concat!(
            ".ifndef percpu_core_0_1_hold\n",
            ".pushsection .text.percpu_core_0_1_hold, \"axG\", @progbits, ",
            "percpu_core_0_1_hold, comdat\n",
            ".weak percpu_core_0_1_hold\n",
            ".hidden percpu_core_0_1_hold\n",
            ".type percpu_core_0_1_hold, @function\n",
            "percpu_core_0_1_hold:\n",
            "endbr64\n",
            "lea rdi, [rip + percpu_core_0_1_hold]\n",
            "jmp qword ptr [rip + {hold}@GOTPCREL]\n",
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
/// steps over a section stops at one of these. After label 3; two in one section may
/// be the same.
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
        "movzx {cpu:e}, word ptr fs:[{a} + 4]\n"
    };
}

/// The other index: the concurrency id. A thread without rseq has 0, so where the
/// number of the CPU is negative, all ones.
macro_rules! cid_number {
    () => {
        concat!(
            "mov {cpu:e}, dword ptr fs:[{a} + 4]\n",
            "sar {cpu:e}, 31\n",
            "or {cpu:e}, dword ptr fs:[{a} + 24]\n",
            "movzx {cpu:e}, {cpu:x}\n",
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
/// `$number` reads the index, `$cold` is where a zero goes.
macro_rules! enter {
    ($number:ident, $cold:literal) => {
        concat!(
            describe!(),
            "2:\n",
            "mov {a}, qword ptr [{t}]\n",
            unless!(no_distance, "test {a}, {a}\njz ", $cold, "\n"),
            index_early!($number),
            inject!("0"),
            arm!(),
            "3:\n",
            exit!($cold),
            $number!(),
            unchecked!($number),
            "mov {a}, qword ptr [{t} + 8 * {cpu} + {bases}]\n",
            unless!(no_cold, "test {a}, {a}\njz ", $cold, "\n"),
            "add {a}, {p}\n",
            inject!("1"),
        )
    };
}

/// After the commit: the end of the section.
macro_rules! end {
    () => {
        concat!("4:\n", end_late!())
    };
}

/// The abort handler, out of line behind the signature that the kernel demands (a
/// `ud1` that nobody runs).
macro_rules! restart {
    () => {
        concat!(
            ".pushsection __rseq_failure, \"ax\"\n",
            ".byte 0x0f, 0xb9, 0x3d\n",
            ".long 0x53053053\n",
            "5:\n",
            "lock inc qword ptr [{t} + {aborts}]\n",
            broken_restart!(),
            "jmp 2b\n",
            ".popsection\n",
        )
    };
}
macro_rules! leave {
    () => {
        concat!(end!(), restart!())
    };
}

/// A section without a result: true when it committed, false when cold.
macro_rules! section {
    ($number:ident, $table:path, $which:expr, $body:expr $(, $name:ident = $value:expr)*) => {{
        // SAFETY: the module's requirement makes `a` a valid word on whichever
        // CPU the section commits on; the block touches only that word, the
        // thread's own `rseq_cs`, the table's counters and named registers.
        unsafe {
            asm!(
                concat!(enter!($number, "{cold}"), $body, leave!()),
                t = in(reg) &raw const $table,
                $($name = in(reg) $value,)*
                a = out(reg) _, cpu = out(reg) _, d = out(reg) _,
                bases = const CpuTable::BASES,
                aborts = const CpuTable::ABORTS,
                inject = const CpuTable::INJECT,
                which = const CpuTable::broken($which),
                hold = sym hold,
                cold = label { return false },
                options(nostack),
            );
        }
        true
    }};
}

/// A section with a result in `r`, and `a`, which is 0 when cold.
macro_rules! section_with_result {
    ($number:ident, $table:path, $which:expr, $body:expr $(, $name:ident = $value:expr)*) => {{
        let (a, r): (usize, u64);
        // SAFETY: as in `section!`.
        unsafe {
            asm!(
                concat!(enter!($number, "9f"), $body, leave!(), "9:\n"),
                t = in(reg) &raw const $table,
                $($name = in(reg) $value,)*
                a = out(reg) a, r = out(reg) r,
                cpu = out(reg) _, d = out(reg) _,
                bases = const CpuTable::BASES,
                aborts = const CpuTable::ABORTS,
                inject = const CpuTable::INJECT,
                which = const CpuTable::broken($which),
                hold = sym hold,
                options(nostack),
            );
        }
        (a, r)
    }};
}

/// `[a] = [a] op n`: one instruction, or taken apart under injection.
#[cfg(not(percpu_inject))]
macro_rules! modify {
    ($op:literal, $n:expr, $ptr:literal, $m:literal) => {
        concat!($op, " ", $ptr, " [{a}], ", $n, "\n")
    };
}
#[cfg(percpu_inject)]
macro_rules! modify {
    ($op:literal, $n:expr, $ptr:literal, $m:literal) => {
        concat!(
            "mov {cpu",
            $m,
            "}, ",
            $ptr,
            " [{a}]\n",
            inject!("2"),
            $op,
            " {cpu",
            $m,
            "}, ",
            $n,
            "\n",
            "mov ",
            $ptr,
            " [{a}], {cpu",
            $m,
            "}\n",
        )
    };
}

/// `r = [a]; [a] = r op n`, for the operators that have no `xadd`.
macro_rules! fetch_modify {
    ($op:literal, $load:literal, $ptr:literal, $m:literal) => {
        concat!(
            $load,
            inject!("2"),
            "mov {d}, {r}\n",
            $op,
            " {d}, {n}\n",
            "mov ",
            $ptr,
            " [{a}], {d",
            $m,
            "}\n",
        )
    };
}

macro_rules! width {
    ($module:ident, $load:literal, $ptr:literal, $m:literal) => {
        pub(super) mod $module {
            use super::{CpuTable, Index, asm, hold};

            functions! {
                section {
                    inc() = modify!("add", "1", $ptr, $m);
                    dec() = modify!("sub", "1", $ptr, $m);
                    add(n) = modify!("add", concat!("{n", $m, "}"), $ptr, $m);
                    and(n) = modify!("and", concat!("{n", $m, "}"), $ptr, $m);
                    or(n) = modify!("or", concat!("{n", $m, "}"), $ptr, $m);
                    xor(n) = modify!("xor", concat!("{n", $m, "}"), $ptr, $m);
                    store(n) = concat!(inject!("2"), "mov ", $ptr, " [{a}], {n", $m, "}\n");
                }
                section_with_result {
                    // `xadd` could do it in one; load, add, store forwards better.
                    fetch_add(n) = fetch_modify!("add", $load, $ptr, $m);
                    fetch_and(n) = fetch_modify!("and", $load, $ptr, $m);
                    fetch_or(n) = fetch_modify!("or", $load, $ptr, $m);
                    fetch_xor(n) = fetch_modify!("xor", $load, $ptr, $m);
                    // Not `xchg`, which implies `lock` with a memory operand.
                    swap(n) = concat!($load, inject!("2"), "mov ", $ptr, " [{a}], {n", $m, "}\n");
                    // The old value `r`; exchanged if it equals `o`. The branch out
                    // leaves the section by its end: nothing stored.
                    compare_exchange(o, n) = concat!(
                        $load,
                        unless!(no_check, "cmp {r", $m, "}, {o", $m, "}\njne 9f\n"),
                        inject!("2"),
                        "mov ", $ptr, " [{a}], {n", $m, "}\n",
                    );
                }
            }
        }
    };
}

width!(byte, "movzx {r:e}, byte ptr [{a}]\n", "byte ptr", ":l");
width!(word, "movzx {r:e}, word ptr [{a}]\n", "word ptr", ":x");
width!(double, "mov {r:e}, dword ptr [{a}]\n", "dword ptr", ":e");
width!(quad, "mov {r}, qword ptr [{a}]\n", "qword ptr", ":r");

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
    let (a, busy): (usize, u32);
    macro_rules! acquire {
        ($number:ident, $table:path) => {
            // SAFETY: as in `section!`, for two words at `a`.
            unsafe {
                asm!(
                    concat!(
                        enter!($number, "9f"),
                        unless!(no_stop, "cmp dword ptr [{a} + 4], 0\njne 9f\n"),
                        unless!(no_check, "cmp dword ptr [{a}], 0\njne 9f\n"),
                        inject!("2"),
                        "mov dword ptr [{a}], 1\n",
                        end!(),
                        "xor {busy:e}, {busy:e}\n",
                        restart!(),
                        "9:\n",
                    ),
                    t = in(reg) &raw const $table,
                    p = in(reg) p,
                    a = out(reg) a, busy = inout(reg) 1_u32 => busy,
                    cpu = out(reg) _, d = out(reg) _,
                    bases = const CpuTable::BASES,
                    aborts = const CpuTable::ABORTS,
                    inject = const CpuTable::INJECT,
                    which = const CpuTable::broken("acquire"),
                    hold = sym hold,
                    options(nostack),
                )
            }
        };
    }
    by_index!(by, acquire);
    match (a, busy) {
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
        (cpu_number, $table:path) => { number!(cpu_number preserves_flags) };
        (cid_number, $table:path) => { number!(cid_number) };
        ($number:ident $($flags:ident)?) => {
            // SAFETY: reads from the thread control block: `cpu_id`, `mm_cid` once
            // the offset is set, which happens once for all threads, else parts of
            // the words at the thread pointer. Changes nothing.
            unsafe {
                asm!(
                    $number!(),
                    a = in(reg) offset,
                    cpu = out(reg) cpu,
                    options(nostack, readonly $(, $flags)?),
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
#[path = "x86_64_stack.rs"]
pub(crate) mod stack;
// Below the macros, which they use.
#[path = "x86_64_buffer.rs"]
pub(crate) mod buffer;
#[path = "x86_64_list.rs"]
pub(crate) mod list;
#[path = "x86_64_pair.rs"]
pub(crate) mod pair;
#[path = "x86_64_switch.rs"]
pub(crate) mod switch;
