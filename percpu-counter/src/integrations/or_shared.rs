//! [`OrShared`]: per-CPU copies, or one atomic where there can be none.
//!
//! The crates that are integrated make numbers by functions that cannot fail; per-CPU
//! memory can be refused. Then one atomic counts as exactly, at the cost of one atomic,
//! and `Debug` says so.

use std::fmt;

use percpu_core::atomic::AtomicU64;
use percpu_core::{Error, info};

/// Where a number lies.
pub(super) enum OrShared<C> {
    /// A copy for each CPU.
    PerCpu(C),
    /// One word for all, with the number's bits.
    Shared(AtomicU64, Reason),
}

/// Why there are no copies.
pub(super) enum Reason {
    Refused(Error),
    /// Without restartable sequences these copies would cost more than one atomic.
    Portable,
}

impl<C> OrShared<C> {
    /// What `copies` is, or `bits`.
    pub(super) fn new(copies: Result<C, Error>, bits: u64) -> Self {
        match copies {
            Ok(copies) => Self::PerCpu(copies),
            Err(error) => Self::Shared(AtomicU64::new(bits), Reason::Refused(error)),
        }
    }

    /// The same, for copies that only pay with restartable sequences.
    pub(super) fn with_sections(copies: impl FnOnce() -> Result<C, Error>, bits: u64) -> Self {
        match info() {
            Ok(info) if info.mode().is_rseq() => Self::new(copies(), bits),
            Ok(_) => Self::Shared(AtomicU64::new(bits), Reason::Portable),
            Err(error) => Self::new(Err(error), bits),
        }
    }
}

/// Where it lies, in words.
impl<C> fmt::Debug for OrShared<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerCpu(_) => f.write_str("per CPU"),
            Self::Shared(_, Reason::Refused(error)) => write!(f, "one atomic: {error}"),
            Self::Shared(_, Reason::Portable) => {
                f.write_str("one atomic: no restartable sequences")
            }
        }
    }
}
