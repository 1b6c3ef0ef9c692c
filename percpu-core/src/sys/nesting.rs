//! Which locks a thread holds, and of which units, remembered in debug builds.
//!
//! A handler may interrupt any step here; it leaves the slots as it found them.

#[cfg(all(debug_assertions, not(percpu_loom)))]
mod kept {
    use core::cell::Cell;

    const DEPTH: usize = 16;

    /// Whether anything is remembered.
    pub(crate) const KEPT: bool = true;
    /// Not locked yet.
    const NO_UNIT: u32 = u32::MAX;

    thread_local! {
        static HELD: [Cell<usize>; DEPTH] = const { [const { Cell::new(0) }; DEPTH] };
        static UNITS: [Cell<u32>; DEPTH] = const { [const { Cell::new(NO_UNIT) }; DEPTH] };
    }

    /// Which slot remembers the lock; deeper than `DEPTH` none does.
    pub(crate) struct Entry(Option<usize>);

    /// Remembers `lock`, about to be waited for.
    ///
    /// # Panics
    /// If this thread holds it.
    pub(crate) fn enter<T>(lock: &T) -> Entry {
        let id = core::ptr::from_ref(lock).addr();
        let taken = HELD.with(|held| held.iter().any(|slot| slot.get() == id));
        assert!(!taken, "this thread already holds this LocalLock and would wait for itself");
        remember(id)
    }

    /// Remembers `lock`, taken without waiting.
    pub(crate) fn enter_try<T>(lock: &T) -> Entry {
        remember(core::ptr::from_ref(lock).addr())
    }

    fn remember(id: usize) -> Entry {
        HELD.with(|held| {
            let free = held.iter().position(|slot| slot.get() == 0);
            if let Some(at) = free {
                held[at].set(id);
            }
            Entry(free)
        })
    }

    /// Whether this thread holds a lock of `unit`, as far as is remembered.
    pub(crate) fn holds(unit: u32) -> bool {
        UNITS.with(|units| units.iter().any(|held| held.get() == unit))
            || HELD.with(|held| held.iter().all(|slot| slot.get() != 0))
    }

    impl Entry {
        /// The lock was taken on the copy of `unit`.
        pub(crate) fn locked(&self, unit: u32) {
            if let Some(at) = self.0 {
                UNITS.with(|units| units[at].set(unit));
            }
        }
    }

    impl Drop for Entry {
        fn drop(&mut self) {
            if let Some(at) = self.0 {
                UNITS.with(|units| units[at].set(NO_UNIT));
                HELD.with(|held| held[at].set(0));
            }
        }
    }
}

#[cfg(not(all(debug_assertions, not(percpu_loom))))]
mod kept {
    pub(crate) const KEPT: bool = false;

    pub(crate) struct Entry;

    impl Entry {
        #[inline(always)]
        pub(crate) fn locked(&self, _: u32) {}
    }

    #[inline(always)]
    pub(crate) fn holds(_: u32) -> bool {
        true
    }

    #[inline(always)]
    pub(crate) fn enter<T>(_: &T) -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) fn enter_try<T>(_: &T) -> Entry {
        Entry
    }
}

pub(crate) use kept::{Entry, KEPT, enter, enter_try, holds};
