//! [`stats`]: what the allocator did and holds.

use crate::area::Stats;
use crate::error::Error;
use crate::process;

/// What the allocator did and holds.
///
/// # Errors
/// As [`init`](crate::init).
///
/// # Performance
/// Walks every live allocation, under the lock that allocations take: for
/// reports, not for every second.
///
/// ```
/// let word = percpu_core::PerCpu::<percpu_core::atomic::AtomicU64>::zeroed()?;
/// let stats = percpu_core::stats()?;
/// assert!(stats.nr_cur_alloc >= 1);
/// println!("{stats}");
/// # Ok::<(), percpu_core::Error>(())
/// ```
pub fn stats() -> Result<Stats, Error> {
    let process = process::get()?;
    let active = process.units.active().len();
    let (aborts, fallbacks) = (process::aborts(), process::fallbacks());
    Ok(Stats { aborts, fallbacks, ..process.memory.stats(active) })
}
