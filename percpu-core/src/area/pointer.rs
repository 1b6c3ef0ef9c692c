//! The number space of per-CPU pointers.
//!
//! ```text
//!   copy of unit u = base[u] + pointer
//!   base[u]        = address of unit u in the first chunk - BIAS
//!   pointer        = (address of the chunk - address of the first chunk)
//!                    + offset in the unit + BIAS              (wrapping)
//! ```
//!
//! One table of bases serves all chunks, static and dynamic alike, because the
//! units of every chunk lie at the same distances. The bias keeps 0 free, which
//! means "not resolved yet". No pointer is 0 by accident: that would be a copy
//! one bias below the first chunk, in a chunk that ends there at the latest;
//! but a pointer names the copy in the *first* unit of its chunk, and behind
//! that comes at least the shared unit, which is larger than the bias.

/// The smallest page there is, and smaller than any unit.
pub(crate) const BIAS: usize = 4096;

/// The pointer of `offset` in the chunk at `chunk`.
pub(crate) fn pointer(first_chunk: usize, chunk: usize, offset: usize) -> usize {
    chunk.wrapping_sub(first_chunk).wrapping_add(offset).wrapping_add(BIAS)
}
