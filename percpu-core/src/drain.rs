//! Emptying a unit from another CPU: stop, fence, take.
//!
//! ```text
//!   lock;  stop = 1;  fence(unit);  take what is there;  stop = 0;  unlock
//! ```
//! A section reads `stop` and commits, or neither. After the fence each one has
//! committed before `stop` was set, and what it stored is seen here, or it
//! restarted and finds `stop`: nothing on this unit is in flight any more. On a
//! unit without sections the lock alone keeps everybody else out.
//!
//! # Orderings
//! - `stop = 1` is Relaxed: the fence orders it before every later section.
//! - `stop = 0` is Release: the next section's acquire-load of `stop` sees what
//!   was stored here (the word that says "empty").
//! - Without sections: the lock's own.

use crate::atomic::Ordering;
use crate::error::Error;
use crate::fence;
use crate::inject::{self, Point};
use crate::mutate::mutated;
use crate::ops::Gate;
use crate::process;
use crate::unit::Unit;

/// Runs `f` while nobody else changes what lies behind `gate`, a gate of `unit`.
///
/// # Errors
/// [`Error::FenceRefused`]; `f` did not run and the gate is as before.
pub(crate) fn stopped<R>(gate: &Gate, unit: Unit, f: impl FnOnce() -> R) -> Result<R, Error> {
    /// Opens the gate again, however this is left.
    struct Closed<'a>(&'a Gate);
    impl Drop for Closed<'_> {
        fn drop(&mut self) {
            let opened = match mutated("gate_opened_relaxed") {
                true => Ordering::Relaxed,
                false => Ordering::Release,
            };
            self.0.stop.store(0, opened);
            if !mutated("gate_drains_together") {
                self.0.lock.unlock();
            }
        }
    }
    if !mutated("gate_drains_together") {
        gate.lock.lock();
    }
    let _closed = Closed(gate);
    if process::has_sections(unit.index()) {
        if !mutated("gate_no_stop") {
            gate.stop.store(1, Ordering::Relaxed);
        }
        inject::at(Point::Stopped);
        if !mutated("gate_no_fence") {
            fence::unit(unit)?;
        }
    }
    inject::at(Point::Fenced);
    gate.touch();
    let result = f();
    inject::at(Point::Taken);
    Ok(result)
}
