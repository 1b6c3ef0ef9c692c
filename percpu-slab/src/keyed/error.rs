//! [`InsertError`], [`TryTakeError`]: why not, and with what is the caller's.

use core::fmt;

use crate::error::Error;

/// A value that was not inserted, and why.
pub struct InsertError<T> {
    value: T,
    error: Error,
}

impl<T> InsertError<T> {
    pub(crate) fn new(value: T, error: Error) -> Self {
        Self { value, error }
    }

    /// The value.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Why it was not inserted.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The value, and why it was not inserted.
    pub fn into_parts(self) -> (T, Error) {
        (self.value, self.error)
    }
}

impl<T> fmt::Debug for InsertError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for InsertError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> core::error::Error for InsertError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        core::error::Error::source(&self.error)
    }
}

impl<T> From<InsertError<T>> for Error {
    fn from(error: InsertError<T>) -> Self {
        error.error
    }
}

/// Why a value was not taken without waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryTakeError {
    /// There is no value with this key, or no more.
    NotFound,
    /// The value is there, and somebody may be reading it: someone reads in this slab,
    /// or waits for those who do, or tries the same.
    Busy,
    /// The value is there, and the system refuses the fence that tells whether somebody
    /// reads it.
    Refused(percpu_core::Error),
}

impl fmt::Display for TryTakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no value with this key"),
            Self::Busy => f.write_str("somebody may be reading the value; try again, or wait"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TryTakeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}
