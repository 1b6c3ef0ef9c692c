//! What an allocator counts.

/// By its place among the words.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    Allocations,
    /// Bytes.
    Allocated,
    Deallocations,
    /// Bytes.
    Freed,
    Reallocations,
    /// Bytes that are charged and free to take on this CPU; see `limit.rs`. Never in
    /// the shared atomics.
    Stock,
}

pub(super) const COUNTS: usize = Count::Stock as usize + 1;
