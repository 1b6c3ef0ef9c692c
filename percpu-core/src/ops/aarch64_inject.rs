//! Delays and mutations of the sections for aarch64, which only `--cfg percpu_inject`
//! has: text that stands between a section's own. Elsewhere it is empty.
//!
//! - `point!`: a numbered delay; `d` is free at each of them.
//! - `unless!`, `when!`, `either!`: text that runs unless, or only while, the thing of
//!   that name is broken (`broken.rs`). `d` is lost, the flags are kept.
//! - Labels 43 and 44 lie before and after the delay before the commit, 45 behind the
//!   one after it; 62, 64, 66 and 67 are descriptors that say something wrong.

// Above what they are part of.
#[macro_use]
#[path = "section_inject.rs"]
mod section;

#[cfg(percpu_inject)]
macro_rules! point {
    ($n:literal) => {
        concat!(
            "ldr {d}, [{t}, #({inject} + 8 * ",
            $n,
            ")]\n",
            "cbz {d}, 7f\n",
            "8: sub {d}, {d}, #1\n",
            "cbnz {d}, 8b\n",
            "7:\n"
        )
    };
}
#[cfg(not(percpu_inject))]
macro_rules! inject {
    ($n:literal) => {
        // Mentions the operands that only delays and mutations use.
        "/* {inject} {which} */\n"
    };
}
#[cfg(percpu_inject)]
macro_rules! inject {
    ("2") => {
        concat!(
            "43:\n",
            point!("2"),
            when!(arm_late, "adrp {d}, 6b\nadd {d}, {d}, :lo12:6b\nstr {d}, [{area}, #8]\n",),
            "44:\n",
        )
    };
    ($n:literal) => {
        point!($n)
    };
}

#[cfg(percpu_inject)]
macro_rules! jump {
    ($label:literal) => {
        concat!("b ", $label, "\n")
    };
}

/// A jump to `$label` if the thing is broken.
#[cfg(percpu_inject)]
macro_rules! if_broken {
    ($name:ident, $label:literal) => {
        concat!("ldr {d:w}, [{t}, #{which}]\ntbnz {d:w}, #", bit!($name), ", ", $label, "\n")
    };
}
#[cfg(not(percpu_inject))]
macro_rules! arm {
    () => {
        "adrp {d}, 6b\nadd {d}, {d}, :lo12:6b\nstr {d}, [{area}, #8]\n"
    };
}
/// `v` is the descriptor's address here.
#[cfg(percpu_inject)]
macro_rules! arm {
    () => {
        concat!(
            "adrp {v}, 6b\nadd {v}, {v}, :lo12:6b\n",
            when!(end_early, "adrp {v}, 62b\nadd {v}, {v}, :lo12:62b\n"),
            when!(end_late, "adrp {v}, 64b\nadd {v}, {v}, :lo12:64b\n"),
            when!(bad_version, "adrp {v}, 66b\nadd {v}, {v}, :lo12:66b\n"),
            when!(bad_signature, "adrp {v}, 67b\nadd {v}, {v}, :lo12:67b\n"),
            if_broken!(no_arm, "75f"),
            if_broken!(arm_late, "75f"),
            "str {v}, [{area}, #8]\n",
            "75:\n",
        )
    };
}

/// The index from before the section, which goes on behind the look at it.
#[cfg(percpu_inject)]
macro_rules! index_early {
    ($number:ident) => {
        when!(
            index_early,
            $number!(),
            point!("0"),
            "adrp {d}, 6b\nadd {d}, {d}, :lo12:6b\nstr {d}, [{area}, #8]\n",
            "b 69f\n",
        )
    };
}
#[cfg(not(percpu_inject))]
macro_rules! index_early {
    ($number:ident) => {
        ""
    };
}

/// The index of a thread, whether the thread is registered or not.
#[cfg(percpu_inject)]
macro_rules! unchecked {
    // `cpu_id_start`, which is 0 for one that is not.
    (cpu_number) => {
        concat!(when!(no_sign, "ldrh {cpu:w}, [{area}]\n"), "69:\n")
    };
    (cid_number) => {
        concat!(when!(no_sign, "ldrh {cpu:w}, [{area}, #24]\n"), "69:\n")
    };
}
#[cfg(not(percpu_inject))]
macro_rules! unchecked {
    ($number:ident) => {
        ""
    };
}

/// First in the abort handler: straight back to the commit, with all that it needs as
/// it was, and counted all the same.
#[cfg(percpu_inject)]
macro_rules! past_load {
    () => {
        when!(
            restart_past_load,
            "add x17, {t}, #{aborts}\n",
            "8: ldxr {d}, [x17]\n",
            "add {d}, {d}, #1\n",
            "stxr w16, {d}, [x17]\n",
            "cbnz w16, 8b\n",
            "b 44b\n",
        )
    };
}
#[cfg(not(percpu_inject))]
macro_rules! past_load {
    () => {
        ""
    };
}

/// Where an aborted section goes back to, if not to its start.
#[cfg(percpu_inject)]
macro_rules! broken_restart {
    () => {
        concat!(
            when!(restart_unarmed, "b 3b\n"),
            "b 2b\n",
            // No signature before it.
            "46: b 5b\n",
        )
    };
}
#[cfg(not(percpu_inject))]
macro_rules! broken_restart {
    () => {
        ""
    };
}
