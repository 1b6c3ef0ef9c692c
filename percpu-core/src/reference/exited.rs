//! [`ExitedRef`]: what a reference count said last.

/// What is left of a [`RawRef`](crate::RawRef) after its
/// [`exit`](crate::RawRef::exit): the answers.
///
/// ```
/// use percpu_core::RawRef;
///
/// let users = RawRef::new()?;
/// assert!(users.kill()?);
/// let last = users.exit();
/// assert!(last.is_zero() && last.is_dying());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitedRef {
    pub(super) count: u64,
    pub(super) zero: bool,
    pub(super) dying: bool,
}

impl ExitedRef {
    /// Whether the last reference was put.
    pub fn is_zero(&self) -> bool {
        self.zero
    }

    /// Whether it was killed.
    pub fn is_dying(&self) -> bool {
        self.dying
    }

    /// How many references there were; exact, as nobody can count any more.
    pub fn count(&self) -> u64 {
        self.count
    }
}
