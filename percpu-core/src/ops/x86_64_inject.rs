//! Delays and mutations of the sections for x86-64, which only `--cfg percpu_inject`
//! has: text that stands between a section's own. Elsewhere it is empty.
//!
//! - `point!`: a numbered delay; `d` is free at each of them.
//! - `unless!`, `when!`, `either!`: text that runs unless, or only while, the thing of
//!   that name is broken (`broken.rs`). The flags are lost.
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
            "mov {d}, qword ptr [{t} + {inject} + 8 * ",
            $n,
            "]\n",
            "test {d}, {d}\n",
            "jz 7f\n",
            "8: dec {d}\n",
            "jnz 8b\n",
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
            // The address is in `a` already, which is kept below the red zone.
            when!(
                arm_late,
                "mov qword ptr [rsp - 256], {a}\n",
                "mov {a}, qword ptr [{t}]\n",
                "lea {d}, [rip + 6b]\n",
                "mov qword ptr fs:[{a} + 8], {d}\n",
                "mov {a}, qword ptr [rsp - 256]\n",
            ),
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
        concat!("jmp ", $label, "\n")
    };
}

/// A jump to `$label` if the thing is broken.
#[cfg(percpu_inject)]
macro_rules! if_broken {
    ($name:ident, $label:literal) => {
        concat!("bt dword ptr [{t} + {which}], ", bit!($name), "\njc ", $label, "\n")
    };
}
#[cfg(not(percpu_inject))]
macro_rules! arm {
    () => {
        "lea {d}, [rip + 6b]\nmov qword ptr fs:[{a} + 8], {d}\n"
    };
}
#[cfg(percpu_inject)]
macro_rules! arm {
    () => {
        concat!(
            "lea {d}, [rip + 6b]\n",
            when!(end_early, "lea {d}, [rip + 62b]\n"),
            when!(end_late, "lea {d}, [rip + 64b]\n"),
            when!(bad_version, "lea {d}, [rip + 66b]\n"),
            when!(bad_signature, "lea {d}, [rip + 67b]\n"),
            if_broken!(no_arm, "75f"),
            if_broken!(arm_late, "75f"),
            "mov qword ptr fs:[{a} + 8], {d}\n",
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
            "lea {d}, [rip + 6b]\n",
            "mov qword ptr fs:[{a} + 8], {d}\n",
            "jmp 69f\n",
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
        concat!(when!(no_sign, "movzx {cpu:e}, word ptr fs:[{a}]\n"), "69:\n")
    };
    (cid_number) => {
        concat!(when!(no_sign, "movzx {cpu:e}, word ptr fs:[{a} + 24]\n"), "69:\n")
    };
}
#[cfg(not(percpu_inject))]
macro_rules! unchecked {
    ($number:ident) => {
        ""
    };
}

/// Where an aborted section goes back to, if not to its start.
#[cfg(percpu_inject)]
macro_rules! broken_restart {
    () => {
        concat!(
            if_broken!(restart_past_load, "44b"),
            when!(restart_unarmed, "mov {a}, qword ptr [{t}]\njmp 3b\n"),
            "jmp 2b\n",
            // No signature before it.
            "46: jmp 5b\n",
        )
    };
}
#[cfg(not(percpu_inject))]
macro_rules! broken_restart {
    () => {
        ""
    };
}
