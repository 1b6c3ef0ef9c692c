//! This-CPU operations: one face, one body per target.
//!
//! ```text
//!   word.rs, local_lock.rs, raw_stack/      loops, choices, cold paths
//!        |
//!      this face                one function an operation, generic over the word
//!        |
//!   assembly | model | closed   sections only: contract.rs says what they do
//!      |
//!   x86_64 | aarch64            and theirs for a pair, a list, a buffer, a switch
//!
//!   portable                    the atomics that serve where no section may run
//! ```
//!
//! Each function answers `None` (or `false`) when the fast path is closed to
//! this thread; the caller's cold path then opens it or uses `portable`.

mod attempt;
mod contract;
mod gate;
#[cfg(percpu_loom)]
mod model_section;
mod pair;
mod portable;
pub(crate) mod portable_stack;
pub(crate) mod portable_switch;
mod refused;
mod shape;
// The one choice of body, on what build.rs derived from the target.
#[cfg_attr(percpu_rseq, path = "assembly.rs")]
#[cfg_attr(percpu_loom, path = "model.rs")]
#[cfg_attr(not(any(percpu_rseq, percpu_loom)), path = "closed.rs")]
mod sections;

pub(crate) use attempt::Attempt;
pub(crate) use gate::Gate;
pub use pair::DoubleWord;
pub use portable::{BitWord, IntWord, Word};
pub use refused::Refused;
pub(crate) use sections::structures::{
    buffer_pop, buffer_push, list_pop, list_push, pair_compare_exchange, pair_swap,
};
pub(crate) use sections::{
    acquire, add, and, compare_exchange, dec, fetch_add, fetch_and, fetch_or, fetch_xor, here, inc,
    or, stack, store, swap, switch, xor,
};
pub(crate) use shape::Shape;
