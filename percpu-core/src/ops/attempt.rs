//! [`Attempt`]: what a section on a local lock found.

/// What an attempt to take a local lock found.
#[derive(Debug)]
#[cfg_attr(not(any(percpu_rseq, percpu_loom)), allow(dead_code, reason = "no sections"))]
pub(crate) enum Attempt<'a, T> {
    /// This thread holds the lock of this copy.
    Acquired(&'a T),
    /// Somebody holds the lock of this copy, or a remote locker stops it.
    Busy(&'a T),
}
