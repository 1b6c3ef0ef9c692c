//! Locks, pauses and who a thread is: std's, or loom's.

#[cfg(percpu_loom)]
use percpu_core::model::loom::{sync, thread};
#[cfg(not(percpu_loom))]
use std::{sync, thread};

pub(crate) use sync::MutexGuard;
pub(crate) use thread::ThreadId;

/// A mutex without poisoning: what a panic interrupts here is consistent.
#[derive(Debug)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Threads that sleep until something has changed under a [`Mutex`].
#[derive(Debug)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(sync::Condvar::new())
    }

    /// Sleeps until woken, or for no reason.
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn wake_all(&self) {
        self.0.notify_all();
    }
}

/// The calling thread.
pub(crate) fn me() -> ThreadId {
    thread::current().id()
}

/// Waiting for what nobody wakes one up for: longer with each turn.
#[derive(Debug, Default)]
pub struct Pause {
    turns: u32,
}

impl Pause {
    /// Short at first: most readers are gone in a moment. Then others may run, and
    /// then the CPU is left alone, for a millisecond at most.
    pub fn turn(&mut self) {
        #[cfg(not(percpu_loom))]
        {
            const SPINS: u32 = 6;
            const YIELDS: u32 = 16;
            const LONGEST: u32 = 1_000;
            match self.turns {
                turn @ 0..SPINS => (0..1 << turn).for_each(|_| std::hint::spin_loop()),
                SPINS..YIELDS => thread::yield_now(),
                turn => {
                    let micros = LONGEST.min(10 << (turn - YIELDS).min(7));
                    thread::sleep(std::time::Duration::from_micros(micros.into()));
                }
            }
        }
        #[cfg(percpu_loom)]
        thread::yield_now();
        self.turns = self.turns.saturating_add(1);
    }
}
