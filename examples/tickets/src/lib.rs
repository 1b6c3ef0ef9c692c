//! Numbers that are drawn once: ids of rows, sequence numbers of a log.
//!
//! One shared counter would be a cache line that all CPUs fight for. Here each CPU has a
//! block of numbers and touches the shared counter once a block. `tests/loom.rs` shows
//! that no number is drawn twice, whatever the kernel does meanwhile.

use percpu_core::atomic::{AtomicU64, Ordering};
use percpu_core::{Error, PerCpu};

/// How many numbers a CPU fetches at once. Models want it small.
pub const BLOCK: u64 = if cfg!(percpu_loom) { 2 } else { 1024 };

/// Draws each number once. Numbers may be skipped.
#[derive(Debug)]
pub struct Tickets {
    /// Where the next block begins.
    blocks: AtomicU64,
    /// The next number of a CPU's block; a multiple of [`BLOCK`] if there is none.
    next: PerCpu<AtomicU64>,
}

impl Tickets {
    /// From 0 on.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { blocks: AtomicU64::new(0), next: PerCpu::zeroed()? })
    }

    /// A number that nobody else has drawn.
    pub fn draw(&self) -> u64 {
        loop {
            let next = self.next.load();
            // From here on the thread may be on another CPU, or another one have drawn.
            // No two CPUs hold the same number but where they have none left, so the
            // exchange finds either out, or does no harm.
            if !next.is_multiple_of(BLOCK) {
                if self.next.compare_exchange(next, next + 1).is_ok() {
                    return next;
                }
            } else {
                // Relaxed: nothing else is read by it.
                let first = self.blocks.fetch_add(BLOCK, Ordering::Relaxed);
                // If somebody was faster, the rest of the block is skipped.
                let _ = self.next.compare_exchange(next, first + 1);
                return first;
            }
        }
    }
}
