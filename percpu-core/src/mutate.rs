//! Things broken on purpose, one at a time, to see that a model notices.
//!
//! The sections in assembly have mutations of their own, by `percpu_mutate`.

use core::sync::atomic::Ordering;

/// Whether the thing called `name` is to be broken: only under loom, and only
/// if `PERCPU_LOOM_MUTATE` says so. `ci/loom-mutations.sh` goes through all.
#[doc(hidden)]
#[inline(always)]
pub fn mutated(name: &str) -> bool {
    #[cfg(percpu_loom)]
    {
        static BROKEN: std::sync::LazyLock<Option<String>> =
            std::sync::LazyLock::new(|| std::env::var("PERCPU_LOOM_MUTATE").ok());
        BROKEN.as_deref() == Some(name)
    }
    #[cfg(not(percpu_loom))]
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
