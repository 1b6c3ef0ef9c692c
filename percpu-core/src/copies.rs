//! [`Copies`]: one `T` on every unit.
//!
//! What [`PerCpu`](crate::PerCpu) and [`StaticPerCpu`](crate::StaticPerCpu) are
//! both made of; all their methods live here, in `word.rs`, `remote.rs` and
//! `local_lock.rs`.

use core::fmt;

use crate::home::Home;
use crate::index::Index;
use crate::ops;
use crate::place::Place;
use crate::process::{self, Admission};
use crate::unit::Unit;

/// One `T` on every unit of this process: what a handle leads to.
///
/// [`PerCpu`](crate::PerCpu) and [`StaticPerCpu`](crate::StaticPerCpu) both
/// dereference to it. It never dereferences to `T`: which copy is meant is
/// always said.
#[doc(alias = "__percpu")]
pub struct Copies<T> {
    pub(crate) home: Home<T>,
}

impl<T> Copies<T> {
    /// This CPU's copy, as of a moment ago: the thread may be elsewhere by the
    /// time it is used, so `T` must synchronise itself.
    ///
    /// On a word it gives the plain atomic; a write through it may be lost
    /// against this-CPU operations, which are not atomic towards it.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    ///
    /// # Performance
    /// Two loads and no system call, about 0.5 ns.
    ///
    /// ```
    /// use percpu_core::PerCpu;
    /// let logs = PerCpu::new_with(|_| std::sync::Mutex::new(Vec::<u8>::new()))?;
    /// logs.hint().lock().unwrap().push(1);
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    #[doc(alias = "raw_cpu_ptr")]
    #[doc(alias = "this_cpu_ptr")]
    #[inline]
    pub fn hint(&self) -> &T {
        hinted(self.home.resolved())
    }

    /// The unit that `copy` is the copy of.
    pub(crate) fn unit_of(&self, copy: &T) -> Option<Unit> {
        let base = Some(self.home.resolved().base_of(copy));
        let process = process::get_or_panic();
        // Mostly this thread has not gone elsewhere yet.
        let mut units =
            core::iter::once(process::current_unit(process)).chain(0..process.units.count());
        units.find(|&unit| process.units.base(unit) == base).map(Unit::new)
    }
}

/// The copy at `place` that this CPU had a moment ago.
#[inline(always)]
pub(crate) fn hinted<T>(place: Place<'_, T>) -> &T {
    match ops::here(place, Index::Cpu) {
        Some(copy) => copy,
        None => hint_cold(place),
    }
}

#[cold]
#[inline(never)]
fn hint_cold<T>(place: Place<'_, T>) -> &T {
    loop {
        // As the cold path of `word.rs`.
        if let Some(copy) = ops::here(place, Index::Cid) {
            return copy;
        }
        match process::admit(place) {
            Admission::Atomic(copy) => return copy,
            Admission::Retry => {
                if let Some(copy) = ops::here(place, Index::Cpu) {
                    return copy;
                }
            }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Copies<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
