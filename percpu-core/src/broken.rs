//! What can be broken in the sections on purpose: the names, and their numbers.
//!
//! In a build with `--cfg percpu_inject` each section looks, at the places where it may
//! be broken, at a word of its own beside the delays (`table.rs`); a bit of it breaks
//! one thing. So one build serves all mutations of all sections. `PERCPU_MUTATE`
//! chooses: `no_arm` breaks that in every section, `no_arm:push` in one
//! (`mutate.rs`). What each means, and which test notices, says `ci/mutations.txt`.

/// The sections, by the names of `ops/contract.rs`; the place is the number.
#[cfg(percpu_inject)]
pub(crate) const SECTIONS: [&str; 27] = [
    "inc",
    "dec",
    "add",
    "and",
    "or",
    "xor",
    "store",
    "fetch_add",
    "fetch_and",
    "fetch_or",
    "fetch_xor",
    "swap",
    "compare_exchange",
    "acquire",
    "pair_swap",
    "pair_compare_exchange",
    "list_push",
    "list_pop",
    "buffer_push",
    "buffer_pop",
    "behind_add",
    "add_within",
    "add_in_turn",
    "push",
    "pop",
    "push_batch",
    "pop_batch",
];

macro_rules! mutations {
    ($($name:ident = $bit:literal,)*) => {
        /// The bit of a mutation, for the text of a section.
        #[cfg(all(percpu_inject, percpu_rseq))]
        macro_rules! bit {
            $(($name) => { $bit };)*
        }

        /// The bit of the mutation called `name`, if sections have it.
        #[cfg(percpu_inject)]
        pub(crate) fn bit_of(name: &str) -> Option<u32> {
            match name {
                $(stringify!($name) => Some($bit),)*
                _ => None,
            }
        }
    };
}

mutations! {
    no_arm = 0,
    arm_late = 1,
    index_early = 2,
    end_early = 3,
    end_late = 4,
    restart_past_load = 5,
    restart_unarmed = 6,
    no_cold = 7,
    no_distance = 8,
    no_sign = 9,
    bad_version = 10,
    bad_signature = 11,
    no_stop = 12,
    no_check = 13,
    no_second = 14,
    commit_first = 15,
    same_slot = 16,
    no_turn = 17,
    no_want = 18,
    no_least = 19,
}

/// The number of the section called `name`.
#[cfg(percpu_inject)]
pub(crate) const fn section(name: &str) -> Option<usize> {
    let mut number = 0;
    while number < SECTIONS.len() {
        if equal(SECTIONS[number].as_bytes(), name.as_bytes()) {
            return Some(number);
        }
        number += 1;
    }
    None
}

#[cfg(percpu_inject)]
const fn equal(one: &[u8], other: &[u8]) -> bool {
    let mut n = 0;
    while n < one.len() && n < other.len() && one[n] == other[n] {
        n += 1;
    }
    n == one.len() && n == other.len()
}
