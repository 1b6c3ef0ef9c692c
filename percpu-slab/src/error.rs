//! [`Error`]: what can go wrong, and what to do about it.

use core::fmt;

/// What can go wrong, and what to do about it.
///
/// Every error leaves what it is about as it was: nothing is lost or locked, and the
/// next call may succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Per-CPU memory.
    PerCpu(percpu_core::Error),
    /// As many objects as are allowed exist already.
    LimitReached {
        /// Objects that are allowed.
        limit: usize,
    },
    /// The system refused memory.
    OutOfMemory {
        /// Bytes asked of the system.
        bytes: usize,
    },
    /// No object of this size and alignment can be had here.
    Layout {
        /// Bytes asked for.
        size: usize,
        /// Alignment asked for.
        align: usize,
        /// The largest size, or alignment, that can be had.
        max: usize,
    },
    /// An option that makes no sense.
    Option {
        /// Which one.
        name: &'static str,
        /// The value that was given.
        value: usize,
        /// The least that is allowed.
        min: usize,
        /// The most that is allowed.
        max: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerCpu(error) => error.fmt(f),
            Self::LimitReached { limit } => write!(
                f,
                "all {limit} objects that the limit allows exist; free some, or raise the limit"
            ),
            Self::OutOfMemory { bytes } => write!(
                f,
                "the system refused {bytes} bytes of memory; is RLIMIT_AS or the memory limit \
                 too low?"
            ),
            Self::Layout { size, align, max } => write!(
                f,
                "no objects of {size} bytes at multiples of {align}: at most {max} is possible"
            ),
            Self::Option { name, value, min, max } => {
                write!(f, "{name} is {value}, but must be from {min} to {max}")
            }
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::PerCpu(error) => Some(error),
            _ => None,
        }
    }
}

impl From<percpu_core::Error> for Error {
    fn from(error: percpu_core::Error) -> Self {
        Self::PerCpu(error)
    }
}
