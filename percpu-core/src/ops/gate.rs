//! [`Gate`]: one word, and who may change it together with what it leads to.
//!
//! A list's head or a buffer's length. Which way in serves is a property of the
//! unit:
//!
//! | unit | `word` is changed by | `stop` | `lock` |
//! | --- | --- | --- | --- |
//! | with sections | this CPU's sections while `stop` is 0, else who set it | by who holds `lock`, fence after | among drains |
//! | without | who holds `lock` | not used | tried once by operations |
//!
//! An operation never waits: while a drain or another thread is inside it finds
//! the gate closed, and answers as if empty, or full. So a handler may use what
//! its thread was just using.

use core::fmt;

use crate::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::sys::lock::WordLock;

/// The sections address `word` at 0 and `stop` at 8.
#[repr(C)]
pub(crate) struct Gate {
    pub(crate) word: AtomicUsize,
    pub(crate) stop: AtomicU32,
    pub(crate) lock: WordLock,
    /// Stands for what the word leads to: loom notices two who touch it.
    #[cfg(percpu_loom)]
    inside: crate::engine::cell::UnsafeCell<()>,
}

#[cfg(percpu_rseq)]
const _: () = assert!(core::mem::offset_of!(Gate, word) == 0);
#[cfg(percpu_rseq)]
const _: () = assert!(core::mem::offset_of!(Gate, stop) == 8);

impl Gate {
    #[cfg(not(percpu_loom))]
    pub(crate) const fn new() -> Self {
        Self { word: AtomicUsize::new(0), stop: AtomicU32::new(0), lock: WordLock::new() }
    }

    #[cfg(percpu_loom)]
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicUsize::new(0),
            stop: AtomicU32::new(0),
            lock: WordLock::new(),
            inside: crate::engine::cell::UnsafeCell::new(()),
        }
    }

    /// Whoever changes what the word leads to calls this while it may.
    #[inline(always)]
    pub(crate) fn touch(&self) {
        #[cfg(percpu_loom)]
        self.inside.with_mut(|_| ());
    }

    /// Runs `f` with the lock of a copy without sections, if it is free.
    pub(crate) fn try_alone<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        if !self.lock.try_lock() {
            return None;
        }
        self.touch();
        let result = f();
        self.lock.unlock();
        Some(result)
    }

    /// The word as it was a moment ago, from anywhere.
    pub(crate) fn peek(&self) -> usize {
        self.word.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("word", &self.peek())
            .field("stopped", &(self.stop.load(Ordering::Relaxed) != 0))
            .finish_non_exhaustive()
    }
}
