//! [`Refused`]: why a stack, or a switch, did nothing.

/// Why an operation on a stack, or behind a switch, did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No room for what was to go in, or not as many there as were to come out; a
    /// value out of bounds.
    Bounds,
    /// A drain stops the unit; on a unit without sections also: somebody else is
    /// in the middle of an operation. The switch is closed.
    Stopped,
}

/// What a section on a batch left: the copy's address, 0 if it was cold; and how
/// many items it moved, 0 if the bounds did not let so many, less than 0 if it was
/// stopped.
#[cfg(percpu_rseq)]
#[inline(always)]
pub(crate) fn moved(copy: usize, count: u64) -> Option<Result<usize, Refused>> {
    match (copy, count.cast_signed()) {
        (0, _) => None,
        (_, ..0) => Some(Err(Refused::Stopped)),
        (_, 0) => Some(Err(Refused::Bounds)),
        (_, count) => Some(Ok(count as usize)),
    }
}
