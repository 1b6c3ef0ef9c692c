//! [`State`]: callbacks that are registered.

use core::fmt;
use std::sync::Arc;

use crate::cpu::CpuId;
use crate::hotplug::error::{BoxError, HotplugError};
use crate::hotplug::states::{Callbacks, States};
use crate::process;
use crate::unit::Unit;

/// The states of this process, and the CPUs as it knows them.
static STATES: States = States::new();

/// Those; the first use takes the CPUs that were online when per-CPU memory was set
/// up.
pub(crate) fn states() -> Result<&'static States, HotplugError> {
    STATES.start(process::get()?.topology.online());
    Ok(&STATES)
}

/// Callbacks that are registered, until this is dropped.
///
/// Dropping it calls nothing, [`remove`](Self::remove) tears down first. Either
/// way no callback of it runs any more on return, but one that this is called
/// from. So whoever drops it must not hold what its callbacks wait for.
#[must_use = "dropped at once, the state is removed at once"]
#[doc(alias = "cpuhp_state")]
pub struct State {
    states: &'static States,
    number: u64,
    name: Arc<str>,
}

impl State {
    /// Begins a state; `name` is for messages.
    #[allow(clippy::new_ret_no_self, reason = "a state exists once it is registered")]
    pub fn new(name: &str) -> StateBuilder {
        let name = name.into();
        StateBuilder { state: Callbacks { name, online: None, offline: None, drain: None } }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the `offline` callback for each CPU that is online, the highest first,
    /// and removes the state.
    ///
    /// # Panics
    /// If a callback does; the others have run, and the state is removed.
    #[doc(alias = "cpuhp_remove_state")]
    pub fn remove(self) {
        self.states.remove(self.number, true);
    }
}

impl Drop for State {
    #[doc(alias = "cpuhp_remove_state_nocalls")]
    fn drop(&mut self) {
        self.states.remove(self.number, false);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a state is to do; from [`State::new`].
#[derive(Debug)]
#[must_use = "a state does nothing until it is registered"]
pub struct StateBuilder {
    state: Callbacks,
}

impl StateBuilder {
    /// Called when a CPU came online. If it fails, what earlier states did for
    /// that CPU is undone by their [`offline`](Self::offline).
    pub fn online<F>(mut self, online: F) -> Self
    where
        F: Fn(CpuId) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        self.state.online = Some(Arc::new(online));
        self
    }

    /// Called when a CPU went offline: the kernel's teardown, and "dead" callback,
    /// for no thread runs there any more.
    pub fn offline(mut self, offline: impl Fn(CpuId) + Send + Sync + 'static) -> Self {
        self.state.offline = Some(Arc::new(offline));
        self
    }

    /// Called to empty what is kept for a unit: when its CPU went offline, after
    /// the callback for that, and by [`drain`](crate::hotplug::drain). Then the
    /// CPU may well be in use.
    pub fn drain(mut self, drain: impl Fn(Unit) + Send + Sync + 'static) -> Self {
        self.state.drain = Some(Arc::new(drain));
        self
    }

    /// Registers the state behind all others and runs `online` for each CPU that is
    /// online, ascending.
    ///
    /// # Errors
    /// [`HotplugError::Setup`] if `online` fails; it is undone by `offline` for
    /// the CPUs it was run for, and nothing is registered. On first use,
    /// [`HotplugError::Core`] if per-CPU memory cannot be set up.
    ///
    /// # Panics
    /// If `online` does; it is undone as for an error.
    #[doc(alias = "cpuhp_setup_state")]
    #[doc(alias = "CPUHP_AP_ONLINE_DYN")]
    pub fn register(self) -> Result<State, HotplugError> {
        self.register_in(states()?, true)
    }

    /// Registers the state behind all others, for changes to come.
    ///
    /// # Errors
    /// On first use, [`HotplugError::Core`] if per-CPU memory cannot be set up.
    #[doc(alias = "cpuhp_setup_state_nocalls")]
    pub fn register_nocalls(self) -> Result<State, HotplugError> {
        self.register_in(states()?, false)
    }

    fn register_in(self, states: &'static States, calls: bool) -> Result<State, HotplugError> {
        let name = Arc::clone(&self.state.name);
        let number = states.register(self.state, calls)?;
        Ok(State { states, number, name })
    }
}
