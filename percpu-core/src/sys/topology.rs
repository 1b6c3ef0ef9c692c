//! [`Topology`]: the CPUs and nodes of a machine, this one or another.
//!
//! ```text
//!   possible  0 1 2 3 4 5 6 7     may ever exist: each gets a unit
//!   present   0 1 2 3 4 5         are plugged in
//!   online    0 1 2   4 5         run
//!             └─node 0┘ └node 1┘  distance: 10 inside, more across
//! ```
//!
//! A value, without I/O: how to describe a machine by hand is in
//! `topology_builder`, how this machine is read in `topology_sysfs`. Both end in
//! the same checks, so a `Topology` that exists keeps these invariants:
//!
//! 1. `possible` is not empty; `online` and `present` are subsets, not empty.
//! 2. CPU numbers are at most [`CpuSet::MAX_ID`], node numbers [`NodeId::MAX`].
//! 3. Each possible CPU is in exactly one node; a node may have none.
//! 4. A node is 10 away from itself and at least that from any other.

use core::fmt;

use crate::cpu::CpuId;
use crate::sys::cpulist::CpuSet;

/// The distance of a node to itself, in the firmware's unit.
pub const LOCAL_DISTANCE: u32 = 10;

/// The distance of two nodes when nobody said otherwise: twice as far.
pub const REMOTE_DISTANCE: u32 = 20;

/// The number the kernel gives a NUMA node, on this machine or any other.
///
/// ```
/// use percpu_core::NodeId;
/// assert_eq!(NodeId::new(1).to_string(), "1");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// The largest node number a [`Topology`] takes, 1,023: the kernel is
    /// never built for more than 1,024 nodes.
    #[doc(alias = "MAX_NUMNODES")]
    pub const MAX: u32 = 1_023;

    /// The node with kernel number `number`.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The kernel's number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node{}", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The CPUs and nodes of a machine: this one, or one that does not exist.
///
/// Made by [`Topology::detect`] for this machine, by [`Topology::builder`] or
/// [`Topology::uniform`] by hand. It never changes: a CPU that may be plugged in
/// later is possible from the start.
///
/// Memory: about 8 bytes per possible CPU number and 4 per pair of nodes.
///
/// # Examples
///
/// ```
/// use percpu_core::{CpuId, NodeId, Topology};
///
/// let machine = Topology::builder()
///     .cpus([0, 2, 5, 7])
///     .node(0, [0, 2])
///     .node(1, [5, 7])
///     .distance(0, 1, 21)
///     .build()?;
/// assert_eq!(machine.nr_cpu_ids(), 8); // one more than the highest
/// assert_eq!(machine.node_of(CpuId::new(5)), Some(NodeId::new(1)));
/// assert_eq!(machine.node_of(CpuId::new(6)), None);
/// assert_eq!(machine.distance(NodeId::new(0), NodeId::new(1)), 21);
/// # Ok::<(), percpu_core::TopologyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    pub(super) possible: CpuSet,
    pub(super) online: CpuSet,
    pub(super) present: CpuSet,
    /// Ascending by number.
    pub(super) nodes: Box<[Node]>,
    /// By CPU number: the index in `nodes`, [`NO_NODE`] for an impossible CPU.
    pub(super) node_index: Box<[u16]>,
    /// `distances[from * nodes.len() + to]`, by index in `nodes`.
    pub(super) distances: Box<[u32]>,
    pub(super) kernel_max: Option<u32>,
    pub(super) source: TopologySource,
}

/// One node and its CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) cpus: CpuSet,
}

/// The index of no node: there are at most 1,024.
pub(super) const NO_NODE: u16 = u16::MAX;

/// Who said what a [`Topology`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TopologySource {
    /// A person or a program described it.
    Described,
    /// The kernel, through sysfs: CPUs and nodes.
    Sysfs,
    /// sysfs told the CPUs; its nodes were missing or made no sense, so all
    /// CPUs are taken to be in node 0.
    SysfsCpus,
    /// sysfs told only the largest number that a CPU could have, so all up to
    /// it are taken to be possible, and in node 0 unless nodes are listed.
    KernelMax,
    /// There is no sysfs: the count is
    /// [`std::thread::available_parallelism`], which knows of affinity and
    /// quotas, so numbers beyond it may well exist.
    AvailableParallelism,
}

impl fmt::Display for TopologySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Described => "as described",
            Self::Sysfs => "from sysfs",
            Self::SysfsCpus => "CPUs from sysfs, nodes unknown",
            Self::KernelMax => "from the kernel's largest CPU number",
            Self::AvailableParallelism => "from the parallelism available to this process",
        })
    }
}

impl Topology {
    /// The CPUs that may ever exist here; each has a unit. Never empty.
    #[must_use]
    #[doc(alias = "cpu_possible_mask")]
    #[doc(alias = "for_each_possible_cpu")]
    #[doc(alias = "num_possible_cpus")]
    pub fn possible(&self) -> &CpuSet {
        &self.possible
    }

    /// The CPUs that ran when this was made. Never empty. What changed since, see
    /// [`hotplug`](crate::hotplug).
    #[must_use]
    #[doc(alias = "cpu_online_mask")]
    pub fn online(&self) -> &CpuSet {
        &self.online
    }

    /// The CPUs that were plugged in when this was made. Never empty.
    #[must_use]
    #[doc(alias = "cpu_present_mask")]
    pub fn present(&self) -> &CpuSet {
        &self.present
    }

    /// One more than the highest possible CPU number: the length of a table by
    /// CPU number. At least 1, at most 65,534.
    #[must_use]
    pub fn nr_cpu_ids(&self) -> usize {
        self.node_index.len()
    }

    /// One more than the highest node number. At least 1, at most 1,024.
    #[must_use]
    pub fn nr_node_ids(&self) -> usize {
        self.nodes.last().map_or(1, |node| node.id.get() as usize + 1)
    }

    /// The nodes in ascending order, those without CPUs included. Never empty.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + '_ {
        self.nodes.iter().map(|node| node.id)
    }

    /// The possible CPUs of `node`; `None` for a node that is not here.
    #[must_use]
    #[doc(alias = "cpumask_of_node")]
    pub fn cpus_of(&self, node: NodeId) -> Option<&CpuSet> {
        self.index_of(node).map(|index| &self.nodes[index].cpus)
    }

    /// The node of `cpu`; `None` for a CPU that is not possible. One load.
    #[must_use]
    #[doc(alias = "cpu_to_node")]
    pub fn node_of(&self, cpu: CpuId) -> Option<NodeId> {
        match self.node_index.get(cpu.index()) {
            None | Some(&NO_NODE) => None,
            Some(&index) => Some(self.nodes[usize::from(index)].id),
        }
    }

    /// How far `to` is from `from`: [`LOCAL_DISTANCE`] for itself, more for
    /// others; not always the same both ways.
    ///
    /// Of nodes that are not here it says what the kernel says of nodes outside
    /// its table: [`LOCAL_DISTANCE`] for the same, else [`REMOTE_DISTANCE`].
    #[must_use]
    #[doc(alias = "node_distance")]
    pub fn distance(&self, from: NodeId, to: NodeId) -> u32 {
        match (self.index_of(from), self.index_of(to)) {
            (Some(from), Some(to)) => self.distances[from * self.nodes.len() + to],
            _ if from == to => LOCAL_DISTANCE,
            _ => REMOTE_DISTANCE,
        }
    }

    /// The largest number of CPUs the running kernel was built for, if known.
    #[must_use]
    #[doc(alias = "CONFIG_NR_CPUS")]
    #[doc(alias = "kernel_max")]
    pub fn nr_cpus_configured(&self) -> Option<u32> {
        self.kernel_max.map(|max| max.saturating_add(1))
    }

    /// Who said all this.
    #[must_use]
    pub fn source(&self) -> TopologySource {
        self.source
    }

    /// The line by which the kernel reports its CPUs when it sets up their
    /// areas.
    ///
    /// `NR_CPUS` is what the kernel was built for; where that is unknown it is
    /// the count of CPU numbers, as are the bits of a mask.
    ///
    /// ```
    /// let machine = percpu_core::Topology::uniform(8, 2)?;
    /// assert_eq!(
    ///     machine.report_line().to_string(),
    ///     "NR_CPUS:8 nr_cpumask_bits:8 nr_cpu_ids:8 nr_node_ids:2"
    /// );
    /// # Ok::<(), percpu_core::TopologyError>(())
    /// ```
    #[doc(alias = "setup_per_cpu_areas")]
    pub fn report_line(&self) -> impl fmt::Display + '_ {
        struct ReportLine<'a>(&'a Topology);
        impl fmt::Display for ReportLine<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (ids, nodes) = (self.0.nr_cpu_ids(), self.0.nr_node_ids());
                // A container may show more CPUs than the kernel could have.
                let configured = self.0.nr_cpus_configured().unwrap_or(0).max(ids as u32);
                write!(
                    f,
                    "NR_CPUS:{configured} nr_cpumask_bits:{ids} nr_cpu_ids:{ids} nr_node_ids:{nodes}"
                )
            }
        }
        ReportLine(self)
    }

    fn index_of(&self, node: NodeId) -> Option<usize> {
        self.nodes.binary_search_by_key(&node, |node| node.id).ok()
    }
}

/// A line about the CPUs, then a line a node.
impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (cpus, nodes) = (self.possible.len(), self.nodes.len());
        write!(f, "{cpus} possible CPU{} {}", plural(cpus), self.possible)?;
        for (set, name) in [(&self.present, "present"), (&self.online, "online")] {
            if *set != self.possible {
                write!(f, ", {name} {set}")?;
            }
        }
        write!(f, "; {nodes} node{}; {}", plural(nodes), self.source)?;
        for (index, node) in self.nodes.iter().enumerate() {
            match node.cpus.is_empty() {
                true => write!(f, "\nnode {}: no CPUs", node.id)?,
                false => write!(f, "\nnode {}: CPUs {}", node.id, node.cpus)?,
            }
            let row = &self.distances[index * nodes..][..nodes];
            let mut others = (0..nodes).filter(|&to| to != index).map(|to| row[to]);
            if let Some(first) = others.next() {
                if others.all(|distance| distance == first) {
                    write!(f, ", {first} from the others")?;
                } else {
                    write!(f, ", distances")?;
                    row.iter().try_for_each(|distance| write!(f, " {distance}"))?;
                }
            }
        }
        Ok(())
    }
}
