//! Which locks a thread holds, and of which units, remembered in debug builds.
//!
//! A handler may interrupt any step here; it leaves the slots as it found them.

#[cfg(all(debug_assertions, not(percpu_loom)))]
mod kept {
    use core::cell::Cell;

    const DEPTH: usize = 16;

    /// Whether anything is remembered.
    pub(crate) const KEPT: bool = true;

    thread_local! {
        static HELD: [Cell<usize>; DEPTH] = const { [const { Cell::new(0) }; DEPTH] };
        static BASES: [Cell<usize>; DEPTH] = const { [const { Cell::new(0) }; DEPTH] };
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
        assert!(!taken, "this thread already holds this lock and would wait for itself");
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

    /// Whether this thread holds a lock in the unit whose base this is, as far as
    /// is remembered.
    pub(crate) fn holds(base: usize) -> bool {
        BASES.with(|bases| bases.iter().any(|held| held.get() == base))
            || HELD.with(|held| held.iter().all(|slot| slot.get() != 0))
    }

    impl Entry {
        /// The lock was taken in the unit whose base this is.
        pub(crate) fn locked(&self, base: usize) {
            if let Some(at) = self.0 {
                BASES.with(|bases| bases[at].set(base));
            }
        }
    }

    impl Drop for Entry {
        fn drop(&mut self) {
            if let Some(at) = self.0 {
                BASES.with(|bases| bases[at].set(0));
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
        pub(crate) fn locked(&self, _: usize) {}
    }

    #[inline(always)]
    pub(crate) fn holds(_: usize) -> bool {
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
