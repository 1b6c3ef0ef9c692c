//! [`Words`]: the readers' words of a lock, once somebody has allocated them.

use std::sync::OnceLock;

use crate::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::error::Error;
use crate::per_cpu::PerCpu;

/// A word on every unit, or none yet.
pub(crate) struct Words {
    /// Set once. What the setter did before is seen by who gets them.
    words: OnceLock<PerCpu<AtomicU64>>,
    /// Whether somebody is to allocate them.
    wanted: AtomicBool,
    /// loom does not see what std's cell orders. `None`: they were there at first.
    #[cfg(percpu_loom)]
    there: Option<AtomicBool>,
}

impl Words {
    /// None yet.
    #[cfg(not(percpu_loom))]
    pub(crate) const fn none() -> Self {
        Self { words: OnceLock::new(), wanted: AtomicBool::new(true) }
    }

    /// None yet.
    #[cfg(percpu_loom)]
    pub(crate) fn none() -> Self {
        let there = Some(AtomicBool::new(false));
        Self { words: OnceLock::new(), wanted: AtomicBool::new(true), there }
    }

    pub(crate) fn allocated() -> Result<Self, Error> {
        Ok(Self {
            words: OnceLock::from(PerCpu::zeroed()?),
            wanted: AtomicBool::new(false),
            #[cfg(percpu_loom)]
            there: None,
        })
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&PerCpu<AtomicU64>> {
        #[cfg(percpu_loom)]
        if self.there.as_ref().is_some_and(|there| !there.load(Ordering::Acquire)) {
            return None;
        }
        self.words.get()
    }

    /// Sets the words if there are none; returns those that are left.
    #[must_use = "dropped when no lock is held"]
    pub(crate) fn set(&self, words: PerCpu<AtomicU64>) -> Option<PerCpu<AtomicU64>> {
        let spare = self.words.set(words).err();
        #[cfg(percpu_loom)]
        if let Some(there) = &self.there {
            there.store(true, Ordering::Release);
        }
        spare
    }

    /// Words to set, if there are none, unless somebody else sees to it or the system
    /// has no memory.
    pub(crate) fn allocate(&self) -> Option<PerCpu<AtomicU64>> {
        if self.get().is_some() {
            return None;
        }
        // Relaxed: so that not all allocate at once.
        self.wanted.swap(false, Ordering::Relaxed).then(PerCpu::zeroed)?.ok()
    }

    /// The next who may is to allocate.
    pub(crate) fn ask_again(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }
}
