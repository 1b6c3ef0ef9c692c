//! Which domains a thread reads, remembered in debug builds: who waits for its own
//! section waits for ever, and is told so instead.
//!
//! A handler may interrupt any step here; it leaves the slots as it found them.

#[cfg(all(debug_assertions, not(percpu_loom)))]
mod kept {
    use std::cell::Cell;

    const DEPTH: usize = 16;

    thread_local! {
        static READ: [Cell<usize>; DEPTH] = const { [const { Cell::new(0) }; DEPTH] };
    }

    /// Which slot remembers the section; deeper than `DEPTH` none does.
    #[derive(Debug)]
    pub(crate) struct Entry(Option<usize>);

    /// This thread begins to read `domain`, and may be doing so already.
    #[inline]
    pub(crate) fn enter<T>(domain: &T) -> Entry {
        READ.with(|read| {
            let free = read.iter().position(|slot| slot.get() == 0);
            if let Some(at) = free {
                read[at].set(std::ptr::from_ref(domain).addr());
            }
            Entry(free)
        })
    }

    /// # Panics
    /// If this thread reads `domain`, as far as is remembered.
    pub(crate) fn check_outside<T>(domain: &T) {
        let domain = std::ptr::from_ref(domain).addr();
        let inside = READ.with(|read| read.iter().any(|slot| slot.get() == domain));
        assert!(!inside, "this thread reads the domain and would wait for itself");
    }

    impl Drop for Entry {
        fn drop(&mut self) {
            if let Some(at) = self.0 {
                READ.with(|read| read[at].set(0));
            }
        }
    }
}

#[cfg(not(all(debug_assertions, not(percpu_loom))))]
mod kept {
    #[derive(Debug)]
    pub(crate) struct Entry;

    #[inline(always)]
    pub(crate) fn enter<T>(_: &T) -> Entry {
        Entry
    }

    #[inline(always)]
    pub(crate) fn check_outside<T>(_: &T) {}
}

pub(crate) use kept::{Entry, check_outside, enter};
