//! The outside world: system calls, libc, std's locks or loom's.
//!
//! Replace this folder and the crate runs on a pretend machine.
//!
//! ```text
//!   topology    CPUs and nodes, from sysfs or by hand
//!   memory      reservations                 sync    locks, waiting, signals
//!   rseq        registration of threads      membarrier   the grace period
//!   object      keeps code with sections mapped            fork    locks held over a fork
//!   getcpu      which CPU                                  lock    32 bits of lock
//!   protect     what pages may be used for
//!   pretend     (tests, fuzz targets) any machine, failing on demand
//!   roots       (Miri) what is no leak
//! ```

pub(crate) mod cpulist;
#[cfg(percpu_linux)]
mod errno;
#[cfg(percpu_linux)]
pub(crate) mod fork;
#[cfg(percpu_linux)]
pub(crate) mod getcpu;
pub(crate) mod lock;
#[cfg(percpu_rseq)]
pub(crate) mod membarrier;
pub(crate) mod memory;
pub(crate) mod nesting;
#[cfg(percpu_linux)]
pub(crate) mod object;
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(test), allow(dead_code, reason = "the tests use all of it"))]
pub(crate) mod pretend;
#[cfg(percpu_linux)]
pub(crate) mod protect;
#[cfg(miri)]
pub mod roots;
#[cfg(percpu_rseq)]
pub(crate) mod rseq;
pub(crate) mod sync;
pub(crate) mod topology;
mod topology_builder;
pub(crate) mod topology_error;
pub(crate) mod topology_sysfs;

pub use cpulist::{CpuListError, CpuSet};
pub use topology::{LOCAL_DISTANCE, NodeId, REMOTE_DISTANCE, Topology, TopologySource};
pub use topology_builder::TopologyBuilder;
pub use topology_error::TopologyError;
