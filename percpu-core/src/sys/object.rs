//! Keeps the code that holds sections mapped.
//!
//! A thread's `rseq_cs` goes on pointing at the last section it ran, and the
//! kernel reads through it when the thread next wakes: were the object that
//! holds it unmapped by then, the thread would be killed. A fence does not
//! help, as it does not reach blocked threads. So an object is pinned when its
//! sections are first used.
//!
//! # Safety
//!
//! Asks the loader about addresses and keeps what it answers only while it is
//! valid.

#![allow(unsafe_code)]

use core::ffi::c_void;
use core::mem::MaybeUninit;

/// Pins the shared object that holds the code at `code`; a no-op for the
/// executable itself, which is never unmapped. Best effort by its nature: a
/// static program has no loader to ask, and nothing to unmap.
pub(crate) fn pin(code: *const c_void) {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `info` is a place for the answer; `code` is only looked up.
    if unsafe { libc::dladdr(code, info.as_mut_ptr()) } == 0 {
        return;
    }
    // SAFETY: all zeroes is a valid `Dl_info`, and dladdr filled it.
    let info = unsafe { info.assume_init() };
    if info.dli_fname.is_null() {
        return;
    }
    // The handle is kept for ever on purpose; NOLOAD makes it fail, harmlessly,
    // for the executable and for names that are not loaded objects.
    // SAFETY: `dli_fname` is the loader's own C string; nothing new is loaded.
    unsafe {
        libc::dlopen(info.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE)
    };
}
