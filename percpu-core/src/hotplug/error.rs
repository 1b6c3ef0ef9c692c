//! [`HotplugError`]: why CPUs or states could not be changed.

use core::fmt;
use std::io;
use std::sync::Arc;

use crate::cpu::CpuId;
use crate::error::Error;
use crate::sys::TopologyError;

/// What a callback may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a CPU or a state could not be changed, or not be polled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HotplugError {
    /// A state could not be set up for a CPU; what was set up before is undone.
    Setup {
        /// Name of the state.
        state: Arc<str>,
        /// The CPU.
        cpu: CpuId,
        /// What its callback said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A callback asked for a change of CPUs, which waits for that callback.
    Nested,
    /// The system does not tell which CPUs are online.
    Unreadable(TopologyError),
    /// The system refused a thread for a `Watcher`.
    NoThread {
        /// What it said.
        kind: io::ErrorKind,
    },
    /// The CPU is not possible, or per-CPU memory cannot be set up.
    Core(Error),
}

impl fmt::Display for HotplugError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup { state, cpu, source } => {
                write!(f, "`{state}` cannot be set up for CPU {cpu}: {source}")
            }
            Self::Nested => f.write_str("a hotplug callback cannot bring CPUs up or down"),
            Self::Unreadable(error) => write!(f, "the online CPUs are unknown: {error}"),
            Self::NoThread { kind } => write!(f, "the system refused a thread: {kind}"),
            Self::Core(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HotplugError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Setup { source, .. } => Some(&**source),
            Self::Unreadable(error) => Some(error),
            Self::Core(error) => Some(error),
            Self::Nested | Self::NoThread { .. } => None,
        }
    }
}

impl From<Error> for HotplugError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}
