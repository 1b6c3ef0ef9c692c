//! [`RefError`]: why a reference count did not change its state.

use core::fmt;

use crate::error::Error;
use crate::trace;

/// Why a reference count did not do what was asked of it.
///
/// Unless it says otherwise, the count and its state are as they were. Those that
/// are mistakes of a program are also told as warnings, by the feature `tracing`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefError {
    /// It was killed before.
    AlreadyDead,
    /// It is not dead, so there is nothing to bring back.
    NotDead,
    /// There are references, or the last one is being released at this moment.
    NotZero,
    /// No reference is left: what was dead is gone.
    Zero,
    /// It may not count per CPU again: it was made without `allow_reinit`.
    NotReusable,
    /// More references were put than there were. A put that says so changed
    /// nothing; a switch to atomic was made all the same.
    Underflow,
    /// The system refused the fence. The references count as before.
    Fence(Error),
}

impl fmt::Display for RefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyDead => "the reference count was killed before",
            Self::NotDead => "the reference count is not dead",
            Self::NotZero => "there are references, or the last one is being released",
            Self::Zero => "no reference is left",
            Self::NotReusable => {
                "the reference count may not go back to per-CPU mode; make it with allow_reinit"
            }
            Self::Underflow => "more references were put than there were",
            Self::Fence(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for RefError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fence(error) => Some(error),
            _ => None,
        }
    }
}

/// Told, too: it is a mistake of the program, made before.
#[cold]
pub(super) fn underflow() -> RefError {
    trace::misuse("more references were put than there were");
    RefError::Underflow
}
