//! The error number of the call that just failed, and of those that came before us: a
//! handler may run our operations, and what it interrupts finds `errno` as it was.
//!
//! # Safety
//!
//! libc's place of the calling thread's `errno`, read and written at once.

#![allow(unsafe_code)]

/// The error number of the call that just failed, of this thread.
pub(super) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// `errno` as it is; dropped, it is that again.
pub(super) fn keep() -> Kept {
    Kept(errno())
}

#[must_use]
pub(super) struct Kept(i32);

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: takes nothing and gives a place.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: it is there while the thread is, and nobody else's.
        unsafe { *errno = self.0 };
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicU32;

    use super::super::sync;
    use super::*;

    fn set(errno: i32) {
        drop(Kept(errno));
    }

    #[test]
    fn what_waits_wakes_and_fences_leaves_it() {
        let word = AtomicU32::new(1);
        set(77);
        // The word is another: EAGAIN. Nothing happens: ETIMEDOUT.
        sync::wait(&word, 0, None);
        sync::wait(&word, 1, Some(core::time::Duration::from_nanos(1)));
        sync::wake_all(&word);
        assert_eq!(errno(), 77);
        #[cfg(percpu_rseq)]
        {
            // No such CPU, or no such kernel.
            let _ = super::super::membarrier::fence_cpu(i32::MAX as u32);
            assert_eq!(errno(), 77);
        }
    }

    #[test]
    fn what_runs_without_signals_leaves_it() {
        set(77);
        sync::without_signals(|| set(5));
        assert_eq!(errno(), 77);
    }
}
