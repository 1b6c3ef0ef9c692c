//! Per-CPU variables in user space.

mod area;
mod cpu;
mod sys;

pub use area::{Group, Layout, LayoutError, SanityError, Sizes};
pub use cpu::CpuId;
pub use sys::{
    CpuListError, CpuSet, LOCAL_DISTANCE, NodeId, REMOTE_DISTANCE, Topology, TopologyBuilder,
    TopologyError, TopologySource,
};
