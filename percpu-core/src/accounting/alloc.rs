//! [`AccountingAlloc`]: a global allocator that counts.
//!
//! # Safety
//!
//! Passes each request on to `A` as it came, and what `A` answers back; or answers
//! null, which every caller expects.

#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::fmt;
use core::ptr;
use std::alloc::System;

use super::count::Count;
use super::limit::Limit;
use super::snapshot::{AccountingSnapshot, difference};
use super::words::Words;
use crate::atomic::{Ordering, fence};
use crate::error::Error;

/// A global allocator that counts what it passes on to `A`, on per-CPU words, and can
/// have a limit.
///
/// ```
/// use std::alloc::System;
/// use percpu_core::AccountingAlloc;
///
/// #[global_allocator]
/// static ALLOC: AccountingAlloc<System> = AccountingAlloc::new(System);
///
/// percpu_core::init()?;
/// let before = ALLOC.allocated_bytes();
/// let buffer = vec![0_u8; 1_000];
/// assert_eq!(ALLOC.allocated_bytes() - before, 1_000);
/// drop(buffer);
/// assert_eq!(ALLOC.allocated_bytes(), before);
/// println!("{}", ALLOC.snapshot());
/// # Ok::<(), percpu_core::Error>(())
/// ```
///
/// Counts from the first allocation of the program to its last, before `main`, in
/// threads that end and in forked children, in every mode. Sizes are those that were
/// asked for: what `A` rounds up and keeps for itself is not known here. There is no
/// peak: the most there ever was at a time is nowhere to be seen in counts that are
/// kept apart.
///
/// # Before per-CPU memory is there
///
/// It never sets per-CPU memory up, as that allocates. Until the program does, by
/// [`init`](crate::init()) or by the first use of anything else of this crate, it counts
/// in atomics that all threads share; call `init` at the start of `main`. One
/// allocator of a process counts per CPU, the first to allocate after that; a second
/// one, and threads that have no restartable sequences, stay with shared atomics.
/// Where this crate registers threads itself, a thread begins to count per CPU with
/// its first other per-CPU operation. Every count is exact throughout;
/// [`AccountingSnapshot::fallbacks`] tells how many went which way.
///
/// # The limit
///
/// ```
/// use std::alloc::System;
/// use percpu_core::AccountingAlloc;
///
/// #[global_allocator]
/// static ALLOC: AccountingAlloc<System> = AccountingAlloc::new(System).with_limit(64 << 20);
///
/// let mut buffer = Vec::<u8>::new();
/// assert!(buffer.try_reserve(65 << 20).is_err());
/// assert!(buffer.try_reserve(1 << 20).is_ok());
/// ```
/// What would go over it is refused as if memory had run out: `alloc` returns null, so
/// `try_reserve` fails and `Box::new` aborts the program. A refused `realloc` leaves the
/// block as it was.
///
/// - At no instant is more handed out than the limit.
/// - CPUs keep a stock of bytes that are charged already, so a refusal may be early: by
///   what *other* CPUs have in stock, or threads are about to put there: at most 64 KiB
///   a CPU, and in all stocks together a sixteenth of the largest limit there was. Near the limit no new stocks are made,
///   and a CPU gives its own back when it frees or is refused.
/// - A forked child goes on with the counts of its parent. What threads that are not in
///   the child were about to take stays charged there.
///
/// # Signal handlers
///
/// What it does itself waits for nothing and holds nothing, so its methods may be called
/// in a handler where those of `A` may: `System`'s may not.
///
/// # Performance
///
/// Two this-CPU additions for an allocation, two for its end: less than two nanoseconds
/// each way. With a limit a load and a compare-exchange on this CPU besides, about four
/// nanoseconds, and a shared atomic once in about 32 KiB; near the limit, and for larger
/// blocks, each time.
#[doc(alias = "alloc_tag")]
pub struct AccountingAlloc<A = System> {
    inner: A,
    words: Words,
    limit: Limit,
}

impl<A> AccountingAlloc<A> {
    /// Counts what is passed on to `inner`; without a limit, for good.
    #[cfg(not(percpu_loom))]
    pub const fn new(inner: A) -> Self {
        Self { inner, words: Words::new(), limit: Limit::none() }
    }

    /// Counts what is passed on to `inner`; without a limit, for good.
    #[cfg(percpu_loom)]
    pub fn new(inner: A) -> Self {
        Self { inner, words: Words::new(), limit: Limit::none() }
    }

    /// Refuses what would make it more than `bytes`. With `usize::MAX` nothing is
    /// refused, until [`set_limit`](Self::set_limit) says otherwise.
    #[must_use]
    #[doc(alias = "memory.max")]
    #[cfg(not(percpu_loom))]
    pub const fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = Limit::of(bytes);
        self
    }

    /// Refuses what would make it more than `bytes`.
    #[must_use]
    #[cfg(percpu_loom)]
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = Limit::of(bytes);
        self
    }

    /// Changes the limit; `None` takes it away.
    ///
    /// Allocations that begin afterwards keep to it, those under way may still go by the
    /// old one. If more is charged already, nothing is taken back: every
    /// allocation is refused until enough was freed.
    ///
    /// # Errors
    /// [`Error::NotLimited`] if this was not made by [`with_limit`](Self::with_limit).
    pub fn set_limit(&self, bytes: Option<usize>) -> Result<(), Error> {
        if self.limit.set(bytes) { Ok(()) } else { Err(Error::NotLimited) }
    }

    /// The limit, if there is one now.
    pub fn limit(&self) -> Option<usize> {
        self.limit.get().and_then(|bytes| bytes.try_into().ok())
    }

    /// Bytes that are allocated now.
    ///
    /// # Performance
    /// Two loads for each unit in use, as each reader here; no lock, no allocation.
    pub fn allocated_bytes(&self) -> u64 {
        let freed = self.words.sum(Count::Freed);
        // What was freed was allocated before. Best effort, as additions on other CPUs
        // are Relaxed: `difference` does the rest.
        fence(Ordering::Acquire);
        difference(self.words.sum(Count::Allocated), freed)
    }

    /// Blocks ever allocated.
    pub fn allocations(&self) -> u64 {
        self.words.sum(Count::Allocations)
    }

    /// Blocks given back.
    pub fn deallocations(&self) -> u64 {
        self.words.sum(Count::Deallocations)
    }

    /// Bytes ever allocated; of a reallocation, what the block grew by.
    pub fn total_bytes(&self) -> u64 {
        self.words.sum(Count::Allocated)
    }

    /// All figures. Does not allocate.
    pub fn snapshot(&self) -> AccountingSnapshot {
        let words = &self.words;
        let [deallocations, freed] = [Count::Deallocations, Count::Freed].map(|c| words.sum(c));
        // As in `allocated_bytes`.
        fence(Ordering::Acquire);
        let total_bytes = words.sum(Count::Allocated);
        let blocks = [Count::Allocations, Count::Deallocations, Count::Reallocations];
        AccountingSnapshot {
            allocated_bytes: difference(total_bytes, freed),
            total_bytes,
            allocations: words.sum(Count::Allocations),
            deallocations,
            reallocations: words.sum(Count::Reallocations),
            fallbacks: blocks
                .iter()
                .fold(0, |sum: u64, &c| sum.wrapping_add(words.not_on_units(c))),
            limit: self.limit.get(),
            charged_bytes: self.limit.charged(),
            refusals: self.limit.refusals(),
        }
    }

    /// A block of `size` bytes `from` the inner allocator, if there is room for it.
    #[inline(always)]
    fn hand_out(&self, size: usize, from: impl FnOnce() -> *mut u8) -> *mut u8 {
        let bytes = size as u64;
        if !self.limit.charge(&self.words, bytes) {
            return ptr::null_mut();
        }
        let block = from();
        if block.is_null() {
            self.limit.uncharge(&self.words, bytes);
        } else {
            self.words.inc(Count::Allocations);
            self.words.add(Count::Allocated, bytes);
        }
        block
    }
}

// SAFETY: blocks are `A`'s, which keeps the contract; null is always a valid answer.
// Nothing here unwinds or allocates.
unsafe impl<A: GlobalAlloc> GlobalAlloc for AccountingAlloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        self.hand_out(layout.size(), || unsafe { self.inner.alloc(layout) })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        self.hand_out(layout.size(), || unsafe { self.inner.alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { self.inner.dealloc(block, layout) };
        let bytes = layout.size() as u64;
        self.words.inc(Count::Deallocations);
        self.words.add(Count::Freed, bytes);
        self.limit.uncharge(&self.words, bytes);
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (old, new) = (layout.size() as u64, new_size as u64);
        let grown = new.saturating_sub(old);
        if grown > 0 && !self.limit.charge(&self.words, grown) {
            return ptr::null_mut();
        }
        // SAFETY: passed on.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        if moved.is_null() {
            // The block is as it was.
            if grown > 0 {
                self.limit.uncharge(&self.words, grown);
            }
            return moved;
        }
        self.words.inc(Count::Reallocations);
        if grown > 0 {
            self.words.add(Count::Allocated, grown);
        } else if new < old {
            self.words.add(Count::Freed, old - new);
            self.limit.uncharge(&self.words, old - new);
        }
        moved
    }
}

impl<A: Default> Default for AccountingAlloc<A> {
    fn default() -> Self {
        Self::new(A::default())
    }
}

impl<A> fmt::Debug for AccountingAlloc<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccountingAlloc").field(&self.snapshot()).finish()
    }
}

impl<A> fmt::Display for AccountingAlloc<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}
