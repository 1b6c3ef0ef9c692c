//! [`AccountingSnapshot`]: what an allocator has counted.

use core::fmt;

/// What an [`AccountingAlloc`](crate::AccountingAlloc) has counted.
///
/// Exact for what has returned before; of allocations under way, each figure has
/// counted some or none. Counts wrap at 2^64.
///
/// ```
/// use std::alloc::{GlobalAlloc, Layout, System};
/// use percpu_core::AccountingAlloc;
///
/// let accounting = AccountingAlloc::new(System);
/// let layout = Layout::new::<[u64; 4]>();
/// // SAFETY: not of size zero; given back once, with the same layout.
/// unsafe { accounting.dealloc(accounting.alloc(layout), layout) };
/// let counted = accounting.snapshot();
/// assert_eq!((counted.allocations, counted.total_bytes), (1, 32));
/// assert_eq!(counted.to_string(), "0 bytes in 0 allocations; 32 bytes in 1 so far");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AccountingSnapshot {
    /// Bytes that are allocated now.
    pub allocated_bytes: u64,
    /// Bytes ever allocated; of a reallocation, what the block grew by.
    pub total_bytes: u64,
    /// Blocks ever allocated.
    pub allocations: u64,
    /// Of them, given back.
    pub deallocations: u64,
    /// Blocks that were given another size.
    pub reallocations: u64,
    /// How many of these three were counted in shared atomics: before per-CPU memory was
    /// there, by threads without restartable sequences, by a second allocator.
    pub fallbacks: u64,
    /// The limit, if there is one now.
    pub limit: Option<u64>,
    /// Bytes charged, if this allocator can have a limit: those allocated, and what
    /// CPUs keep in stock.
    pub charged_bytes: Option<u64>,
    /// Allocations that the limit refused.
    pub refusals: u64,
}

impl AccountingSnapshot {
    /// Blocks that are allocated now.
    pub fn live_allocations(&self) -> u64 {
        difference(self.allocations, self.deallocations)
    }
}

/// What is left of a count; never less than nothing, which a reader may see who reads
/// while an allocation goes from one thread to another that frees it.
pub(super) fn difference(more: u64, less: u64) -> u64 {
    more.wrapping_sub(less).cast_signed().max(0).cast_unsigned()
}

impl fmt::Display for AccountingSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.live_allocations();
        write!(f, "{} bytes in {live} allocations", self.allocated_bytes)?;
        write!(f, "; {} bytes in {} so far", self.total_bytes, self.allocations)?;
        if let Some(limit) = self.limit {
            write!(f, "; limit {limit}, {} refused", self.refusals)?;
        }
        Ok(())
    }
}
