//! [`Watcher`]: a thread that polls.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};

use crate::hotplug::error::HotplugError;
use crate::hotplug::poll::poll_from;
use crate::panics::discard;

/// A thread that polls every so often, until this is dropped.
///
/// A poll that fails, or one in which a callback panics, is followed by the next.
/// Dropping it stops the thread and waits for its end, and so for a callback that
/// runs there; dropped in such a callback, it only stops it.
///
/// ```no_run
/// use percpu_core::hotplug::Watcher;
///
/// let watcher = Watcher::start(std::time::Duration::from_secs(5))?;
/// // ... CPUs come and go ...
/// drop(watcher);
/// # Ok::<(), percpu_core::hotplug::HotplugError>(())
/// ```
#[derive(Debug)]
#[must_use = "dropped at once, the watcher stops at once"]
pub struct Watcher {
    /// Taken on drop: the thread stops when nobody can send any more.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Polls once, and then every `interval` in a thread of its own.
    ///
    /// # Errors
    /// As [`poll`](crate::hotplug::poll()), whose first run this is, and
    /// [`HotplugError::NoThread`]. No thread is left then.
    pub fn start(interval: Duration) -> Result<Watcher, HotplugError> {
        Self::start_from(PathBuf::from("/sys"), interval)
    }

    /// As [`start`](Self::start), with a sysfs mounted elsewhere.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_from(root: PathBuf, interval: Duration) -> Result<Watcher, HotplugError> {
        poll_from(&root)?;
        let (stop, stopped) = mpsc::channel::<()>();
        let watch = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                // The next poll tries again; a panic was reported by its hook.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| poll_from(&root))) {
                    discard(panic);
                }
            }
        };
        let thread = thread::Builder::new().name("percpu-hotplug".to_owned()).spawn(watch);
        let thread = thread.map_err(|error| HotplugError::NoThread { kind: error.kind() })?;
        Ok(Watcher { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop = None;
        let other =
            self.thread.take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = other {
            // Its panics were caught.
            let _ = thread.join();
        }
    }
}
