//! Operations on [`DoubleWord`]s; `ops/pair.rs` says how they work.

use crate::copies::Copies;
use crate::ops::{self, DoubleWord};
use crate::remote::Remote;
use crate::word::run_at;

/// # Double words
///
/// Each operation changes both words of this CPU's copy in one commit. Relaxed,
/// as the operations on words. A signal handler may use them too, once the
/// double word was used outside of one.
///
/// # Panics
/// Each, on the first use of per-CPU memory, if the system refuses it.
///
/// # Performance
/// A section of some 25 instructions; no lock and no lock prefix. In portable
/// mode and on the shared unit a change takes a lock with signals blocked, two
/// system calls; a `load` takes none. A process that is forked while another
/// thread changes such a copy finds it locked in the child.
impl Copies<DoubleWord> {
    /// Both words of this CPU's copy, of one moment.
    #[inline]
    pub fn load(&self) -> (u64, u64) {
        self.hint().load()
    }

    /// Replaces both words of this CPU's copy.
    #[inline]
    pub fn store(&self, new: (u64, u64)) {
        self.swap(new);
    }

    /// Replaces both words of this CPU's copy and returns what they were.
    #[inline]
    pub fn swap(&self, new: (u64, u64)) -> (u64, u64) {
        run_at(
            self.home.resolved(),
            move |at, by| ops::pair_swap(at, new, by),
            move |pair| pair.exchange_locked(None, new),
        )
    }

    /// Replaces both words of this CPU's copy if they are `current`.
    ///
    /// # Errors
    /// The words found, if one of them was another.
    ///
    /// ```
    /// use percpu_core::{DoubleWord, PerCpu};
    /// let owner = PerCpu::<DoubleWord>::zeroed()?;
    /// let mut seen = owner.load();
    /// // Another CPU's copy may come into play at any time: a loop converges.
    /// while let Err(found) = owner.compare_exchange(seen, (seen.0 + 1, !seen.1)) {
    ///     seen = found;
    /// }
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    #[doc(alias = "this_cpu_cmpxchg128")]
    #[doc(alias = "this_cpu_try_cmpxchg128")]
    #[doc(alias = "this_cpu_cmpxchg_double")]
    #[inline]
    pub fn compare_exchange(
        &self,
        current: (u64, u64),
        new: (u64, u64),
    ) -> Result<(u64, u64), (u64, u64)> {
        let found = run_at(
            self.home.resolved(),
            move |at, by| ops::pair_compare_exchange(at, current, new, by),
            move |pair| pair.exchange_locked(Some(current), new),
        );
        if found == current { Ok(found) } else { Err(found) }
    }
}

impl Remote<'_, DoubleWord> {
    /// Both words of one moment. Looks again while its CPU changes them.
    #[inline]
    pub fn load(self) -> (u64, u64) {
        self.get().load()
    }
}
