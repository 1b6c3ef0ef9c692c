//! [`AllocError`] and [`LiveObjects`]: what was not done, and why.

use core::fmt;

use crate::error::Error;
use crate::hardened::Corruption;

/// An object could not be allocated; has the value that it was for.
///
/// ```
/// use percpu_slab::{AllocError, Cache, Error};
///
/// let cache = Cache::<String>::builder().limit(0).build()?;
/// let failed = cache.alloc("kept".to_string()).unwrap_err();
/// assert_eq!(failed.error(), &Error::LimitReached { limit: 0 });
/// assert_eq!(failed.into_value(), "kept");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AllocError<T> {
    pub(crate) error: Error,
    pub(crate) value: T,
}

impl<T> AllocError<T> {
    /// Why.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The value back.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Both.
    pub fn into_parts(self) -> (Error, T) {
        (self.error, self.value)
    }
}

impl<T> fmt::Debug for AllocError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllocError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for AllocError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> core::error::Error for AllocError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}

impl<T> From<AllocError<T>> for Error {
    /// Drops the value.
    fn from(failed: AllocError<T>) -> Self {
        failed.error
    }
}

/// A cache was destroyed while objects of it were alive. They stay valid, and keep the
/// memory until they are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveObjects {
    /// Name of the cache.
    pub cache: String,
    /// How many; those in the hands of a thread that is in the middle of freeing or of
    /// refilling count too.
    pub count: usize,
    /// Of a hardened cache: which ones, and who allocated them.
    pub leaks: Vec<Corruption>,
}

impl fmt::Display for LiveObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache, count, leaks } = self;
        write!(f, "{count} objects of the cache \"{cache}\" were alive when it was destroyed")?;
        leaks.iter().try_for_each(|leak| write!(f, "\n{leak}"))
    }
}

impl core::error::Error for LiveObjects {}
