//! [`DoubleWord`]: two words that change together; how it is read, and changed
//! where there are no sections.
//!
//! # Why
//! One committing store is all that a section has, and no store of 16 bytes is
//! indivisible for other CPUs on every processor. So the two words lie in one of
//! two slots, and the commit is the store of a sequence number that names it:
//!
//! ```text
//!   slot 0: first, second │ slot 1: first, second │ sequence │ lock
//!                                                    sequence & 1 = current slot
//!   change:  write the other slot;   COMMIT sequence + 1
//!   read:    sequence; its slot; sequence again, until both are the same
//! ```
//!
//! # Invariants
//! - D1: a slot is written only while it is not the current one, by the one
//!   writer: this CPU's section, or who holds `lock` on a unit without sections.
//! - D2: an aborted writer leaves the current slot as it was.
//!
//! # Orderings
//! - A commit is a Release store; partner: the reader's first load, Acquire. Who
//!   sees the number sees the slot.
//! - Release fence between the last commit and the next write of a slot;
//!   partner: the reader's Acquire fence behind the slot. Who has read from a
//!   slot that is being written again finds the number moved on.
//! - On x86-64 all of these are plain stores and loads; aarch64's section has a
//!   store barrier for the fence.
//!
//! # Without sections
//! A compare-exchange has no answer for "somebody is inside", so this body waits
//! for the lock. No handler can wait for its own thread: signals are blocked
//! while it is held, and nothing in between blocks. A waiter sleeps, so it does
//! not keep a holder of lower priority from running.

use core::fmt;

use crate::atomic::{AtomicU64, Ordering, fence};
use crate::mutate::mutated;
use crate::sys::lock::WordLock;
use crate::sys::sync::without_signals;

/// What the two words hold.
pub(crate) type Two = (u64, u64);

/// Two 64-bit words that change together: the kernel's `this_cpu_cmpxchg128`.
///
/// Put it into [`percpu!`](crate::percpu) or [`PerCpu`](crate::PerCpu); the
/// operations are on the handle, see [`Copies`](crate::Copies#double-words). No
/// reader, on this CPU or another, ever sees one half of a change. 48 bytes.
///
/// ```
/// use percpu_core::{DoubleWord, percpu};
///
/// percpu! { static OWNER: DoubleWord = DoubleWord::new(0, 0); }
///
/// let slot = OWNER.load();
/// let _ = OWNER.compare_exchange(slot, (42, slot.1 + 1));
/// ```
#[doc(alias = "this_cpu_cmpxchg128")]
#[doc(alias = "this_cpu_cmpxchg_double")]
#[repr(C)]
pub struct DoubleWord {
    // The sections address the slots at 0 and 16, and `sequence` at 32.
    pub(super) slots: [[AtomicU64; 2]; 2],
    pub(super) sequence: AtomicU64,
    lock: WordLock,
}

#[cfg(percpu_rseq)]
const _: () = assert!(core::mem::offset_of!(DoubleWord, slots) == 0);
#[cfg(percpu_rseq)]
const _: () = assert!(core::mem::offset_of!(DoubleWord, sequence) == 32);

impl DoubleWord {
    /// Both words' initial values.
    #[cfg(not(percpu_loom))]
    pub const fn new(first: u64, second: u64) -> Self {
        Self {
            slots: [
                [AtomicU64::new(first), AtomicU64::new(second)],
                [AtomicU64::new(0), AtomicU64::new(0)],
            ],
            sequence: AtomicU64::new(0),
            lock: WordLock::new(),
        }
    }

    /// Both words' initial values.
    #[cfg(percpu_loom)]
    pub fn new(first: u64, second: u64) -> Self {
        Self {
            slots: [
                [AtomicU64::new(first), AtomicU64::new(second)],
                [AtomicU64::new(0), AtomicU64::new(0)],
            ],
            sequence: AtomicU64::new(0),
            lock: WordLock::new(),
        }
    }

    /// Both words of one moment, from any CPU.
    #[inline]
    pub fn load(&self) -> (u64, u64) {
        loop {
            let sequence = self.sequence.load(Ordering::Acquire);
            let found = self.slot(sequence);
            if !mutated("pair_no_acquire_fence") {
                fence(Ordering::Acquire);
            }
            if self.sequence.load(Ordering::Relaxed) == sequence || mutated("pair_no_second_look") {
                return found;
            }
            core::hint::spin_loop();
            #[cfg(percpu_loom)]
            crate::engine::thread::yield_now();
        }
    }

    fn slot(&self, sequence: u64) -> Two {
        let [first, second] = &self.slots[sequence as usize & 1];
        (first.load(Ordering::Relaxed), second.load(Ordering::Relaxed))
    }

    /// Writes the slot that is not current; behind it lies the commit alone.
    /// Only for the one writer.
    pub(super) fn prepare(&self, sequence: u64, new: Two) {
        if !mutated("pair_no_release_fence") {
            fence(Ordering::Release);
        }
        let other = sequence.wrapping_add(u64::from(!mutated("pair_one_slot")));
        let [first, second] = &self.slots[other as usize & 1];
        first.store(new.0, Ordering::Relaxed);
        second.store(new.1, Ordering::Relaxed);
    }

    /// Makes the other slot the current one.
    pub(super) fn commit(&self, sequence: u64) {
        let committed = match mutated("pair_commit_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Release,
        };
        self.sequence.store(sequence.wrapping_add(1), committed);
    }

    /// On a unit without sections: replaces both words by `new`, if they are
    /// `current` or it does not matter, and returns what they were.
    pub(crate) fn exchange_locked(&self, current: Option<Two>, new: Two) -> Two {
        without_signals(|| {
            if !mutated("pair_no_lock") {
                self.lock.lock();
            }
            // Relaxed: written under this lock only.
            let sequence = self.sequence.load(Ordering::Relaxed);
            let found = self.slot(sequence);
            if current.is_none_or(|current| current == found) {
                self.prepare(sequence, new);
                self.commit(sequence);
            }
            if !mutated("pair_no_lock") {
                self.lock.unlock();
            }
            found
        })
    }
}

impl fmt::Debug for DoubleWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.load();
        f.debug_tuple("DoubleWord").field(&first).field(&second).finish()
    }
}
