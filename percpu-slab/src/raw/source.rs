//! [`Source`]: where items come from and go to in the end.

/// What lies below magazines: makes items, and takes those that no magazine has room
/// for.
///
/// Items are words that mean something to the source alone: addresses, indices.
pub trait Source {
    /// Why there is no item.
    type Error;

    /// Makes items, `out.len()` of them or fewer, but one at least, from `out[0]` on.
    /// Returns how many.
    ///
    /// It may use the magazines that it is asked by.
    ///
    /// # Errors
    /// No item was made.
    ///
    /// # Panics
    /// If it does, no item was made either.
    fn refill(&self, out: &mut [u64]) -> Result<usize, Self::Error>;

    /// Takes items back. Whoever calls it does not touch the magazines any more if
    /// these were the last items: they may have kept alive what holds them.
    ///
    /// It may use the magazines that the items come from, but not close them.
    ///
    /// # Panics
    /// If it does, it has taken all the items nevertheless. What the thread holds beside
    /// them is put back or released while that panic unwinds: one more ends the process.
    fn release(&self, items: &[u64]);
}
