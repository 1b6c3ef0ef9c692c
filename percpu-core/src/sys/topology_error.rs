//! [`TopologyError`]: why a description is not a machine.

use core::fmt;
use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::cpu::CpuId;
use crate::sys::cpulist::{CpuListError, CpuSet};
use crate::sys::topology::{LOCAL_DISTANCE, NodeId};

/// Why a description of CPUs and nodes is not that of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopologyError {
    /// There is no possible CPU.
    NoCpus,
    /// There are CPUs, but zero nodes were asked for.
    NoNodes,
    /// A CPU number is over [`CpuSet::MAX_ID`].
    CpuOutOfRange {
        /// The number.
        cpu: CpuId,
    },
    /// A node number is over [`NodeId::MAX`].
    NodeOutOfRange {
        /// The number.
        node: NodeId,
    },
    /// More nodes than CPUs to spread over them.
    MoreNodesThanCpus {
        /// CPUs asked for.
        cpus: u32,
        /// Nodes asked for.
        nodes: u32,
    },
    /// A CPU is said to be online that is not possible.
    OnlineNotPossible {
        /// The CPU.
        cpu: CpuId,
    },
    /// A CPU is said to be present that is not possible.
    PresentNotPossible {
        /// The CPU.
        cpu: CpuId,
    },
    /// A node is said to have a CPU that is not possible.
    NodeCpuNotPossible {
        /// The node.
        node: NodeId,
        /// The CPU.
        cpu: CpuId,
    },
    /// Two nodes claim one CPU.
    CpuInTwoNodes {
        /// The CPU.
        cpu: CpuId,
        /// The node that had it.
        first: NodeId,
        /// The node that claims it too.
        second: NodeId,
    },
    /// Nodes are described, but none of them has this CPU.
    CpuWithoutNode {
        /// The CPU.
        cpu: CpuId,
    },
    /// A distance names a node that is not described.
    DistanceOfUnknownNode {
        /// The node.
        node: NodeId,
    },
    /// A distance is below 10, the distance of a node to itself; zero, for one.
    DistanceBelowLocal {
        /// From this node.
        from: NodeId,
        /// To this node.
        to: NodeId,
        /// What was said.
        distance: u32,
    },
    /// A node is said to be away from itself.
    DistanceToItself {
        /// The node.
        node: NodeId,
        /// What was said instead of 10.
        distance: u32,
    },
    /// A file that should hold a list of CPUs holds something else.
    BadList {
        /// The file.
        file: PathBuf,
        /// What is wrong with its text.
        error: CpuListError,
    },
    /// A file that should hold one distance per node holds something else.
    BadDistances {
        /// The file.
        file: PathBuf,
        /// Its text, cut at 40 characters.
        text: String,
        /// How many numbers were expected.
        nodes: usize,
    },
    /// A file exists and cannot be read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        kind: io::ErrorKind,
    },
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCpus => write!(f, "a machine needs at least one possible CPU"),
            Self::NoNodes => write!(f, "a machine needs at least one node"),
            Self::CpuOutOfRange { cpu } => {
                write!(f, "CPU {cpu} is over the largest supported number, {}", CpuSet::MAX_ID)
            }
            Self::NodeOutOfRange { node } => {
                write!(f, "node {node} is over the largest supported number, {}", NodeId::MAX)
            }
            Self::MoreNodesThanCpus { cpus, nodes } => {
                write!(f, "{nodes} nodes cannot share {cpus} CPUs: ask for at most {cpus} nodes")
            }
            Self::OnlineNotPossible { cpu } => {
                write!(f, "CPU {cpu} is online but not possible: add it to the possible CPUs")
            }
            Self::PresentNotPossible { cpu } => {
                write!(f, "CPU {cpu} is present but not possible: add it to the possible CPUs")
            }
            Self::NodeCpuNotPossible { node, cpu } => write!(
                f,
                "node {node} has CPU {cpu}, which is not possible: add it to the possible CPUs"
            ),
            Self::CpuInTwoNodes { cpu, first, second } => {
                write!(f, "CPU {cpu} is in node {first} and in node {second}: leave it in one")
            }
            Self::CpuWithoutNode { cpu } => {
                write!(f, "CPU {cpu} is in none of the nodes: give it to one")
            }
            Self::DistanceOfUnknownNode { node } => {
                write!(f, "a distance names node {node}, which is not described")
            }
            Self::DistanceBelowLocal { from, to, distance } => write!(
                f,
                "the distance {distance} from node {from} to node {to} is below {LOCAL_DISTANCE}, \
                 that of a node to itself"
            ),
            Self::DistanceToItself { node, distance } => write!(
                f,
                "node {node} has distance {distance} to itself: it must be {LOCAL_DISTANCE}"
            ),
            Self::BadList { file, error } => {
                write!(f, "{} is not a list of CPUs: {error}", file.display())
            }
            Self::BadDistances { file, text, nodes } => write!(
                f,
                "{} should hold {nodes} distances and holds `{}`",
                file.display(),
                text.escape_debug()
            ),
            Self::Unreadable { file, kind } => write!(f, "cannot read {}: {kind}", file.display()),
        }
    }
}

impl Error for TopologyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::BadList { error, .. } => Some(error),
            _ => None,
        }
    }
}
