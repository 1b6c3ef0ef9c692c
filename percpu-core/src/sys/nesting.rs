//! Which locks a thread holds, remembered in debug builds.
//!
//! A handler may interrupt any step here; it leaves the slots as it found them.

#[cfg(all(debug_assertions, not(percpu_loom)))]
mod kept {
    use core::cell::Cell;

    const DEPTH: usize = 16;

    thread_local! {
        static HELD: [Cell<usize>; DEPTH] = const { [const { Cell::new(0) }; DEPTH] };
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

    impl Drop for Entry {
        fn drop(&mut self) {
            if let Some(at) = self.0 {
                HELD.with(|held| held[at].set(0));
            }
        }
    }
}

#[cfg(not(all(debug_assertions, not(percpu_loom))))]
mod kept {
    pub(crate) struct Entry;

    #[inline(always)]
    pub(crate) fn enter<T>(_: &T) -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) fn enter_try<T>(_: &T) -> Entry {
        Entry
    }
}

pub(crate) use kept::{Entry, enter, enter_try};
