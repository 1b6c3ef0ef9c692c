//! [`Shape`]: what a buffer's sections must know of it.

/// Where a buffer's slots lie, how many, and how large; the same for every copy.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(any(percpu_rseq, percpu_loom)), allow(dead_code, reason = "no sections"))]
pub(crate) struct Shape {
    /// Bytes from the copy's start to the first slot.
    pub(crate) items: usize,
    /// Bytes a slot, a multiple of 8.
    pub(crate) stride: usize,
    /// How many slots.
    pub(crate) capacity: usize,
}
