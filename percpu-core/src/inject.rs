//! Numbered points outside of the sections, where a test has something happen.
//!
//! A section may not enter the kernel, so inside there are delay loops only
//! (`ops/contract.rs`, points 0 to 2). Around sections, in drains and in locks a test
//! may also yield, sleep or send itself a signal: what happens at a point, and how
//! often, is the test's `hook`. Without `--cfg percpu_inject` there is nothing here.

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The place is known, the section is not armed.
    Before = 3,
    /// The section has ended, and its caller does not know yet.
    After = 4,
    /// The fast path was closed: before each look at why.
    Cold = 5,
    /// A unit is stopped, and the fence is to come.
    Stopped = 6,
    /// The fence has passed, and nothing is taken yet.
    Fenced = 7,
    /// All is taken, and the unit is still stopped.
    Taken = 8,
    /// A lock was found held, and the waiter is not counted.
    Busy = 9,
    /// The waiter is counted, and about to look again and sleep.
    Announced = 10,
    /// The lock is free, and its waiters have not been looked for.
    Unlocked = 11,
}

/// This thread is at `point`.
#[inline(always)]
pub(crate) fn at(point: Point) {
    #[cfg(percpu_inject)]
    on::at(point as usize);
    #[cfg(not(percpu_inject))]
    let _ = point;
}

/// Runs a section, between its two points.
#[inline(always)]
pub(crate) fn around<R>(section: impl FnOnce() -> R) -> R {
    at(Point::Before);
    let result = section();
    at(Point::After);
    result
}

#[cfg(percpu_inject)]
pub(crate) mod on {
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::sync::OnceLock;

    static HOOK: OnceLock<fn(usize)> = OnceLock::new();
    /// A bit for each point that is of interest.
    static WANTED: AtomicU32 = AtomicU32::new(0);

    #[inline(always)]
    pub(super) fn at(point: usize) {
        if WANTED.load(Relaxed) >> point & 1 == 1 {
            call(point);
        }
    }

    #[cold]
    #[inline(never)]
    fn call(point: usize) {
        if let Some(hook) = HOOK.get() {
            hook(point);
        }
    }

    /// Calls `hook` with the number of each point of `points` that a thread comes to.
    /// One hook a process: a later one is ignored.
    pub fn outside(points: &[usize], hook: fn(usize)) {
        let _ = HOOK.set(hook);
        WANTED.store(points.iter().fold(0, |bits, point| bits | 1 << point), Relaxed);
    }
}
