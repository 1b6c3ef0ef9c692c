//! Things broken on purpose, one at a time, to see that a model or a test notices.
//!
//! | build | chosen by | gone through by |
//! | --- | --- | --- |
//! | `--cfg percpu_loom` | `PERCPU_LOOM_MUTATE` | `ci/loom-mutations.sh` |
//! | `--cfg percpu_inject` | `PERCPU_MUTATE`, at first use | `ci/mutations.sh` |
//!
//! What is broken inside the sections has names of its own (`broken.rs`).

use core::sync::atomic::Ordering;

/// Whether the thing called `name` is to be broken: only in these builds, and only if
/// the environment says so.
#[doc(hidden)]
#[inline(always)]
pub fn mutated(name: &str) -> bool {
    #[cfg(percpu_loom)]
    {
        static BROKEN: std::sync::LazyLock<Option<String>> =
            std::sync::LazyLock::new(|| std::env::var("PERCPU_LOOM_MUTATE").ok());
        BROKEN.as_deref() == Some(name)
    }
    #[cfg(all(percpu_inject, not(percpu_loom)))]
    {
        injected::is_chosen(name)
    }
    #[cfg(not(any(percpu_loom, percpu_inject)))]
    {
        let _ = name;
        false
    }
}

/// `right`, but Relaxed if the thing called `name` is to be broken.
#[doc(hidden)]
#[inline(always)]
pub fn order(right: Ordering, name: &str) -> Ordering {
    if mutated(name) { Ordering::Relaxed } else { right }
}

#[cfg(all(percpu_inject, not(percpu_loom)))]
pub(crate) use injected::choose;

#[cfg(all(percpu_inject, not(percpu_loom)))]
mod injected {
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use crate::broken::{bit_of, section};
    use crate::index::Index;
    use crate::table::CpuTable;

    /// The chosen name, as a number: asked for in handlers and inside allocations.
    static CHOSEN: AtomicU64 = AtomicU64::new(0);

    fn number(name: &str) -> u64 {
        // FNV-1a.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
    }

    pub(super) fn is_chosen(name: &str) -> bool {
        CHOSEN.load(Relaxed) == number(name)
    }

    /// Breaks what `PERCPU_MUTATE` names: `name`, or `name:section`.
    pub(crate) fn choose() {
        let Ok(asked) = std::env::var("PERCPU_MUTATE") else { return };
        let (name, of) = asked.split_once(':').map_or((&*asked, None), |(n, s)| (n, Some(s)));
        let Some(bit) = bit_of(name) else {
            return CHOSEN.store(number(name), Relaxed);
        };
        let only = of.map(|of| section(of).expect("PERCPU_MUTATE: no such section"));
        for index in [Index::Cpu, Index::Cid] {
            for (nth, word) in CpuTable::of(index).broken.iter().enumerate() {
                if only.is_none_or(|only| only == nth) {
                    word.store(1 << bit, Relaxed);
                }
            }
        }
    }
}
