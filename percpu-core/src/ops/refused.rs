//! [`Refused`]: why a stack did nothing.

/// Why an operation on a stack did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No room for what was to go in, or not as many there as were to come out.
    Bounds,
    /// A drain stops the unit; on a unit without sections also: somebody else is
    /// in the middle of an operation.
    Stopped,
}
