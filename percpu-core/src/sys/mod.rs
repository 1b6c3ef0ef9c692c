//! The outside world.

pub(crate) mod cpulist;
pub(crate) mod topology;
mod topology_builder;
mod topology_error;
mod topology_sysfs;

pub use cpulist::{CpuListError, CpuSet};
pub use topology::{LOCAL_DISTANCE, NodeId, REMOTE_DISTANCE, Topology, TopologySource};
pub use topology_builder::TopologyBuilder;
pub use topology_error::TopologyError;
