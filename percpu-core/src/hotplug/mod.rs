//! CPUs that come and go.
//!
//! Units are for *possible* CPUs, so a CPU that comes online finds its copies as
//! they should be, and sums count those of one that went. What changes is where
//! memory is kept: stacks and caches hold items for a CPU that nobody will
//! use until it is back. So whoever keeps something per CPU registers a [`State`]:
//! what to do when a CPU comes online, goes offline, or is to be emptied.
//!
//! No notifier tells a process of such changes. They are told by hand
//! ([`notify_online`], [`notify_offline`]), found by a look at sysfs ([`poll()`]),
//! or by a thread that looks every so often ([`Watcher`]), which nobody starts
//! unasked. For a change of this process's own affinity, [`drain`] empties a unit
//! whose CPU stays.
//!
//! ```
//! use percpu_core::hotplug::{self, State};
//! use percpu_core::{LocalLock, PerCpu, Unit};
//! use std::sync::Arc;
//!
//! let kept = Arc::new(PerCpu::new_with(|_| LocalLock::new(Vec::<u64>::new()))?);
//! kept.with(|items| items.push(7));
//!
//! let theirs = Arc::clone(&kept);
//! let state = State::new("kept items")
//!     .drain(move |unit| theirs.lock_on(unit).unwrap().clear())
//!     .register()?;
//! for unit in Unit::all()? {
//!     hotplug::drain(unit)?;
//! }
//! assert!(Unit::all()?.all(|unit| kept.lock_on(unit).unwrap().is_empty()));
//! drop(state); // removed: the callbacks run no more
//! # Ok::<(), hotplug::HotplugError>(())
//! ```
//!
//! # Rules
//!
//! - `online` callbacks run in order of registration, `offline` and `drain` in
//!   reverse order.
//! - One change at a time: who comes second waits. Callbacks run on the thread that
//!   tells of the change.
//! - No lock of this module is held while a callback runs: it may register and
//!   remove states, its own as well. It cannot bring CPUs up or down.
//! - A callback that panics or fails leaves nothing locked. In `online` it counts
//!   as a failure, and is undone; in the others, the remaining callbacks run. Then
//!   the first panic goes on to whoever told of the change.
//!
//! Not for signal handlers: it locks and allocates.

mod error;
mod poll;
mod state;
mod states;
mod watcher;

pub use error::{BoxError, HotplugError};
pub use poll::{drain, notify_offline, notify_online, online, poll, poll_from};
pub use state::{State, StateBuilder};
pub use states::Changes;
pub use watcher::Watcher;
