//! The locks of the process, held over a fork. Each lock that a thread may hold
//! while another forks has its place here: outer locks first, as they nest
//! elsewhere. The locks of a user's `LocalLock`s are the user's.
//!
//! ```text
//!   CONFIG  >  Allocator: grow  >  Allocator: index
//!           >  Units: state
//! ```

use core::sync::atomic::{AtomicBool, Ordering};

use super::instance::{CONFIG, existing};
use crate::area::{allocator, units};
use crate::config::Config;
use crate::sys::fork::{Kept, Locks, hold_over};
use crate::sys::sync::MutexGuard;

struct AllLocks;

#[allow(dead_code, reason = "held, not read")]
struct Held {
    units: Option<units::Held<'static>>,
    memory: Option<allocator::Held<'static>>,
    config: MutexGuard<'static, Option<Config>>,
}

impl Locks for AllLocks {
    type Held = Held;

    fn hold() -> Held {
        let config = CONFIG.lock();
        // Under CONFIG: nobody is about to publish a process.
        let process = existing();
        let memory = process.map(|process| process.memory.hold());
        let units = process.map(|process| process.units.hold());
        Held { units, memory, config }
    }

    fn kept() -> &'static Kept<Held> {
        static KEPT: Kept<Held> = Kept::new();
        &KEPT
    }
}

/// Sees to it, once, before the first lock is taken; a warning if that fails.
pub(super) fn start() -> Option<String> {
    static DONE: AtomicBool = AtomicBool::new(false);
    // Relaxed: decides who registers, publishes nothing.
    if DONE.swap(true, Ordering::Relaxed) {
        return None;
    }
    let errno = hold_over::<AllLocks>().err()?;
    Some(format!("pthread_atfork failed, error {errno}: forked children may hang"))
}
