//! What pages may be used for.
//!
//! # Safety
//!
//! Changes the protection of pages that the caller owns.

#![allow(unsafe_code)]

use super::errno::errno;
use crate::error::Error;

/// What a page may be used for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    None,
    Read,
    Write,
}

/// Allows `len` bytes of whole pages at `start` no more than `access`.
///
/// # Safety
/// The pages hold nothing but what the caller owns, and nobody uses it otherwise
/// from now on.
pub(crate) unsafe fn protect(start: usize, len: usize, access: Access) -> Result<(), Error> {
    let allowed = match access {
        Access::None => libc::PROT_NONE,
        Access::Read => libc::PROT_READ,
        Access::Write => libc::PROT_READ | libc::PROT_WRITE,
    };
    // SAFETY: the caller's promise.
    let done =
        unsafe { libc::mprotect(core::ptr::with_exposed_provenance_mut(start), len, allowed) };
    if done == 0 { Ok(()) } else { Err(Error::OutOfMemory { bytes: len, errno: errno() }) }
}
