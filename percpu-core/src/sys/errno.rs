//! The error number of the call that just failed.

/// The error number of the call that just failed, of this thread.
pub(super) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
