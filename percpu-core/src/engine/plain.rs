//! The plain engine: one thread, std's atomics. Whoever would have to wait for
//! another thread panics, because there is none.
//!
//! # Safety
//!
//! Statics live until the next run begins, and are handed out as if for ever, as
//! loom's and shuttle's are: a reference must not be carried into another run.

#![allow(unsafe_code)]

use core::any::Any;
use core::cell::{Cell, RefCell};
use std::collections::HashMap;

/// A run of this thread begins: its statics start anew.
pub(crate) fn start_run() {
    let old = STATICS.take();
    // Dropped where new ones could be asked for.
    drop(old);
    YIELDS.set(0);
}

std::thread_local! {
    /// The statics of the run, by the address of their `Lazy`.
    static STATICS: RefCell<HashMap<usize, Box<dyn Any>>> = RefCell::default();
    static YIELDS: Cell<u32> = const { Cell::new(0) };
}

fn nobody_else(what: &str) -> ! {
    panic!("{what} for ever: there is no other thread, and an interrupt is over before it goes on")
}

/// A static that starts anew in each run.
#[derive(Debug)]
pub struct Lazy<T> {
    init: fn() -> T,
}

impl<T: 'static> Lazy<T> {
    /// Will be what `init` returns.
    pub const fn new(init: fn() -> T) -> Self {
        Self { init }
    }

    /// The value of this run, made at its first use.
    pub fn get(&'static self) -> &'static T {
        let key = core::ptr::from_ref(self).addr();
        let there = |statics: &RefCell<HashMap<usize, Box<dyn Any>>>| {
            let statics = statics.borrow();
            let value: &T = statics.get(&key)?.downcast_ref()?;
            Some(core::ptr::from_ref(value))
        };
        let value = STATICS.with(there).unwrap_or_else(|| {
            // Not while the map is borrowed: it may ask for others.
            let value: Box<dyn Any> = Box::new((self.init)());
            STATICS.with_borrow_mut(|statics| {
                statics.entry(key).or_insert(value);
            });
            STATICS.with(there).expect("it was put there")
        });
        // SAFETY: boxed and not removed before the next run; see above.
        unsafe { &*value }
    }
}

#[doc(inline)]
pub use __plain_lazy_static as lazy_static;

pub mod thread {
    //! The one thread.

    use super::{YIELDS, nobody_else};

    pub use std::thread::ThreadId;

    /// Far more turns than code takes that waits for nobody.
    const MOST: u32 = 100_000;

    /// The one thread.
    pub fn current() -> std::thread::Thread {
        std::thread::current()
    }

    /// Nobody else can run.
    ///
    /// # Panics
    /// In a run that has called this so often that it will not stop.
    pub fn yield_now() {
        YIELDS.set(YIELDS.get() + 1);
        if YIELDS.get() > MOST {
            nobody_else("waits in a loop");
        }
    }
}

pub mod sync {
    //! Locks of one thread.

    use super::nobody_else;
    use std::sync::{self, LockResult, TryLockResult};

    pub use std::sync::{MutexGuard, atomic};

    /// std's, but to wait is a panic.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// Unlocked.
        pub const fn new(value: T) -> Self {
            Self(sync::Mutex::new(value))
        }

        /// The guard.
        ///
        /// # Errors
        /// As std's.
        ///
        /// # Panics
        /// If it is held: an interrupt asks for what it interrupted.
        pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(guard) => Ok(guard),
                Err(sync::TryLockError::Poisoned(poisoned)) => Err(poisoned),
                Err(sync::TryLockError::WouldBlock) => nobody_else("waits for a lock"),
            }
        }

        /// The guard, unless it is held.
        ///
        /// # Errors
        /// As std's.
        pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
            self.0.try_lock()
        }
    }

    /// Nobody sleeps here.
    #[derive(Debug, Default)]
    pub struct Condvar(());

    impl Condvar {
        /// Without sleepers.
        pub const fn new() -> Self {
            Self(())
        }

        /// # Errors
        /// None.
        ///
        /// # Panics
        /// Always.
        pub fn wait<'a, T>(&self, _: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
            nobody_else("sleeps")
        }

        /// Nobody sleeps.
        pub fn notify_all(&self) {}
    }
}
