//! [`RawStack`]: a bounded stack of 64-bit words on every unit.
//!
//! # Why
//! What a CPU hands out again soon is best kept by that CPU: the magazines of an
//! object cache, buffers, identifiers. [`PerCpuStack`](crate::PerCpuStack) is
//! this with types; an object cache builds on this one.
//!
//! # Words
//! Of each unit (`stack_copy.rs` has the drawing), and one limit for all:
//!
//! | word | on a unit with sections | elsewhere |
//! | --- | --- | --- |
//! | `word`: length | by sections; by a drain that stopped the unit | by whoever holds the lock |
//! | `word`: `STOPPED` | the drain, who owns `drains` | a lock, tried once by operations |
//! | slots | as the length; above it anything | as the length |
//! | `limit` | by anybody, at any time | the same |
//!
//! ```text
//!   push:   n = word  n < limit, so not stopped   slot[n] = item   COMMIT word = n + 1
//!   pop:    n = word  n > 0, signed, so not either  item = slot[n - 1]  COMMIT word = n - 1
//!   drain:  lock drains
//!           word |= STOPPED
//!           fence(unit);  word |= STOPPED  until it was there all the time
//!           take all;  word &= !STOPPED
//!   close:  lock drains;  limit = 0;  as drain, all units, and for ever
//! ```
//! One word, so that a section asks one question of one load. It pays with a mark that
//! is lost when a section that had not seen it commits over it: hence "until".
//!
//! # Invariants
//! - D1: while a drain has stopped a unit nobody else changes the unit's stack. The
//!   mark was still there after a fence that came after it. A section that had loaded
//!   the word without it either committed before the fence ended, and then the mark
//!   would be gone, or restarted, and then it sees the mark and leaves.
//! - D2: the mark comes and goes by atomic instructions on the whole word, so none of
//!   them undoes a commit, also if the fence was refused and sections go on.
//! - D3: what is below `len` was put there by a push and has not come out.
//! - D4: once `close` has returned nothing is pushed. Where sections ran they are
//!   stopped, and stay so. A unit that becomes active later does so after `close` has
//!   passed the units' lock, so whoever pushes there loads a limit of 0: inside its
//!   section, after the unit's base; or with the unit's lock.
//! - D5: a push may give up what keeps the stack alive: whoever takes the item may drop
//!   the stack before the push has returned. So a push touches nothing of it after its
//!   commit, or the unlock, and no byte of it is frozen (`unfrozen.rs`).
//!
//! # Orderings
//! - Pushed on a unit, popped on it: the same CPU, or the unit's lock.
//! - Pushed, drained: the fence, or the unit's lock.
//! - Drained, next operation: `word` by Release, so that what the drain loaded from
//!   slots is loaded before a section may store there; the section's load of the word
//!   comes first by its dependencies.
//! - `limit`: Relaxed; `close` has the fence, the units' lock and each unit's lock.

mod drains;
mod operations;

pub use operations::RawStack;
