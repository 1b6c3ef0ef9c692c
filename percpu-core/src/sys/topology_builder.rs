//! [`TopologyBuilder`]: a machine described by hand, and the checks that every
//! description passes.

use std::collections::{BTreeMap, BTreeSet};

use crate::cpu::CpuId;
use crate::sys::cpulist::CpuSet;
use crate::sys::topology::{
    LOCAL_DISTANCE, NO_NODE, Node, NodeId, REMOTE_DISTANCE, Topology, TopologySource,
};
use crate::sys::topology_error::TopologyError;

/// Describes a machine; [`build`](TopologyBuilder::build) checks it.
///
/// What is left out is filled in: online and present CPUs are the possible
/// ones, all CPUs are in node 0 if no node is named, nodes are
/// [`REMOTE_DISTANCE`] apart. What is said twice adds up, except that the last
/// distance of a pair holds.
///
/// # Examples
///
/// ```
/// use percpu_core::{Topology, TopologyError};
///
/// let machine = Topology::builder()
///     .cpus(0..6)
///     .online([0, 1, 2, 4])
///     .node(0, [0, 1, 2])
///     .node(1, [3, 4, 5])
///     .node(2, []) // memory without CPUs
///     .distance(0, 1, 20)
///     .build()?;
/// assert_eq!(machine.online().to_string(), "0-2,4");
/// assert_eq!(machine.nr_node_ids(), 3);
///
/// let wrong = Topology::builder().cpus([0]).online([3]).build();
/// assert!(matches!(wrong, Err(TopologyError::OnlineNotPossible { .. })));
/// # Ok::<(), TopologyError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a description becomes a machine by `build`"]
pub struct TopologyBuilder {
    possible: BTreeSet<CpuId>,
    online: Option<BTreeSet<CpuId>>,
    present: Option<BTreeSet<CpuId>>,
    nodes: BTreeMap<NodeId, BTreeSet<CpuId>>,
    distances: Vec<(NodeId, NodeId, u32)>,
    kernel_max: Option<u32>,
}

impl TopologyBuilder {
    /// Adds possible CPUs, by the kernel's numbers (0 to
    /// [`CpuSet::MAX_ID`]); they need not be contiguous.
    pub fn cpus(mut self, cpus: impl IntoIterator<Item = u32>) -> Self {
        add(&mut self.possible, cpus);
        self
    }

    /// Adds CPUs that run. Without this call all possible ones do.
    pub fn online(mut self, cpus: impl IntoIterator<Item = u32>) -> Self {
        add(self.online.get_or_insert_default(), cpus);
        self
    }

    /// Adds CPUs that are plugged in. Without this call all possible ones are.
    pub fn present(mut self, cpus: impl IntoIterator<Item = u32>) -> Self {
        add(self.present.get_or_insert_default(), cpus);
        self
    }

    /// Adds `cpus` to the node with number `node` (0 to [`NodeId::MAX`]); an
    /// empty list makes a node of memory only.
    pub fn node(mut self, node: u32, cpus: impl IntoIterator<Item = u32>) -> Self {
        add(self.nodes.entry(NodeId::new(node)).or_default(), cpus);
        self
    }

    /// Sets the distance of two nodes, both ways.
    pub fn distance(self, a: u32, b: u32, distance: u32) -> Self {
        self.distance_one_way(a, b, distance).distance_one_way(b, a, distance)
    }

    /// Sets the distance from one node to another and leaves the way back.
    pub fn distance_one_way(mut self, from: u32, to: u32, distance: u32) -> Self {
        self.distances.push((NodeId::new(from), NodeId::new(to), distance));
        self
    }

    /// Says what the largest CPU number of the kernel's build is: one less than
    /// `CONFIG_NR_CPUS`. It is reported, and nothing else.
    pub fn kernel_max(mut self, largest: u32) -> Self {
        self.kernel_max = Some(largest);
        self
    }

    /// Checks the description. Time and memory are proportional to the highest
    /// CPU number and to the square of the count of nodes.
    ///
    /// # Errors
    ///
    /// [`TopologyError`] says which CPU or node is wrong and what to do: no CPU
    /// at all, a number out of range, an online or present CPU that is not
    /// possible, a CPU in two nodes or in none, a distance of an unknown node,
    /// below 10, or of a node to itself.
    pub fn build(self) -> Result<Topology, TopologyError> {
        self.build_from(TopologySource::Described)
    }

    pub(super) fn build_from(mut self, source: TopologySource) -> Result<Topology, TopologyError> {
        let possible: CpuSet = self.possible.into_iter().collect();
        let highest = possible.last().ok_or(TopologyError::NoCpus)?;
        if highest.get() > CpuSet::MAX_ID {
            return Err(TopologyError::CpuOutOfRange { cpu: highest });
        }
        let subset = |cpus: Option<BTreeSet<CpuId>>, error: fn(CpuId) -> TopologyError| {
            let Some(cpus) = cpus else { return Ok(possible.clone()) };
            match cpus.iter().find(|&&cpu| !possible.contains(cpu)) {
                Some(&cpu) => Err(error(cpu)),
                None => Ok(cpus.into_iter().collect()),
            }
        };
        let online = subset(self.online, |cpu| TopologyError::OnlineNotPossible { cpu })?;
        let present = subset(self.present, |cpu| TopologyError::PresentNotPossible { cpu })?;
        if online.is_empty() || present.is_empty() {
            return Err(TopologyError::NoCpus);
        }

        if self.nodes.is_empty() {
            self.nodes.insert(NodeId::new(0), possible.iter().collect());
        }
        let nodes: Box<[Node]> = self
            .nodes
            .into_iter()
            .map(|(id, cpus)| Node { id, cpus: cpus.into_iter().collect() })
            .collect();
        let node_index = node_index(&possible, &nodes)?;
        let distances = distances(&nodes, &self.distances)?;
        let kernel_max = self.kernel_max;
        Ok(Topology { possible, online, present, nodes, node_index, distances, kernel_max, source })
    }
}

/// Adds CPUs up to the first number out of range: that one is enough for `build`
/// to refuse, and an endless range must not fill memory before it does.
fn add(set: &mut BTreeSet<CpuId>, cpus: impl IntoIterator<Item = u32>) {
    for cpu in cpus {
        set.insert(CpuId::new(cpu));
        if cpu > CpuSet::MAX_ID {
            break;
        }
    }
}

/// By CPU number, the index of its node. Checks that each possible CPU is in one
/// node and no other CPU in any.
fn node_index(possible: &CpuSet, nodes: &[Node]) -> Result<Box<[u16]>, TopologyError> {
    if let Some(node) = nodes.iter().find(|node| node.id.get() > NodeId::MAX) {
        return Err(TopologyError::NodeOutOfRange { node: node.id });
    }
    let length = possible.last().map_or(0, |highest| highest.index() + 1);
    let mut table = vec![NO_NODE; length];
    for (index, node) in nodes.iter().enumerate() {
        for cpu in node.cpus.iter() {
            if !possible.contains(cpu) {
                return Err(TopologyError::NodeCpuNotPossible { node: node.id, cpu });
            }
            let entry = &mut table[cpu.index()];
            if *entry != NO_NODE {
                let first = nodes[usize::from(*entry)].id;
                return Err(TopologyError::CpuInTwoNodes { cpu, first, second: node.id });
            }
            *entry = index as u16; // at most NodeId::MAX
        }
    }
    match possible.iter().find(|cpu| table[cpu.index()] == NO_NODE) {
        Some(cpu) => Err(TopologyError::CpuWithoutNode { cpu }),
        None => Ok(table.into_boxed_slice()),
    }
}

/// The square of distances by index. Checks that each is between known nodes
/// and not below local.
fn distances(nodes: &[Node], said: &[(NodeId, NodeId, u32)]) -> Result<Box<[u32]>, TopologyError> {
    let count = nodes.len();
    let mut square = vec![REMOTE_DISTANCE; count * count];
    square.iter_mut().step_by(count + 1).for_each(|diagonal| *diagonal = LOCAL_DISTANCE);
    let index_of = |id: NodeId| {
        let index = nodes.binary_search_by_key(&id, |node| node.id);
        index.map_err(|_| TopologyError::DistanceOfUnknownNode { node: id })
    };
    for &(from, to, distance) in said {
        let entry = &mut square[index_of(from)? * count + index_of(to)?];
        if from == to && distance != LOCAL_DISTANCE {
            return Err(TopologyError::DistanceToItself { node: from, distance });
        }
        if distance < LOCAL_DISTANCE {
            return Err(TopologyError::DistanceBelowLocal { from, to, distance });
        }
        *entry = distance;
    }
    Ok(square.into_boxed_slice())
}

impl Topology {
    /// Starts the description of a machine.
    pub fn builder() -> TopologyBuilder {
        TopologyBuilder::default()
    }

    /// A machine of `cpus` CPUs, numbered from 0, spread evenly and in order
    /// over `nodes` nodes, each [`REMOTE_DISTANCE`] from the others.
    ///
    /// Where the CPUs do not divide, nodes differ by one CPU.
    ///
    /// # Errors
    ///
    /// No CPUs, no nodes, more nodes than CPUs, or more of either than there are
    /// numbers (65,534 CPUs, 1,024 nodes).
    ///
    /// # Examples
    ///
    /// ```
    /// use percpu_core::{NodeId, Topology};
    ///
    /// let machine = Topology::uniform(4096, 128)?;
    /// assert_eq!(machine.cpus_of(NodeId::new(1)).unwrap().to_string(), "32-63");
    /// assert!(Topology::uniform(2, 3).is_err());
    /// # Ok::<(), percpu_core::TopologyError>(())
    /// ```
    pub fn uniform(cpus: u32, nodes: u32) -> Result<Topology, TopologyError> {
        match (cpus, nodes) {
            (0, _) => return Err(TopologyError::NoCpus),
            (_, 0) => return Err(TopologyError::NoNodes),
            _ if nodes > cpus => return Err(TopologyError::MoreNodesThanCpus { cpus, nodes }),
            _ if cpus - 1 > CpuSet::MAX_ID => {
                return Err(TopologyError::CpuOutOfRange { cpu: CpuId::new(cpus - 1) });
            }
            _ if nodes - 1 > NodeId::MAX => {
                return Err(TopologyError::NodeOutOfRange { node: NodeId::new(nodes - 1) });
            }
            _ => {}
        }
        // No overflow: cpus * nodes is below 65,534 * 1,024.
        let start = |node: u32| node * cpus / nodes;
        (0..nodes)
            .fold(Self::builder().cpus(0..cpus), |machine, node| {
                machine.node(node, start(node)..start(node + 1))
            })
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(id: u32) -> CpuId {
        CpuId::new(id)
    }

    fn node(id: u32) -> NodeId {
        NodeId::new(id)
    }

    fn error(builder: TopologyBuilder) -> TopologyError {
        builder.build().unwrap_err()
    }

    #[test]
    fn fills_in_what_is_left_out() {
        let machine = Topology::builder().cpus([3, 1]).build().unwrap();
        assert_eq!(machine.possible().to_string(), "1,3");
        assert_eq!(machine.online(), machine.possible());
        assert_eq!(machine.present(), machine.possible());
        assert_eq!(machine.nodes().collect::<Vec<_>>(), [node(0)]);
        assert_eq!(machine.node_of(cpu(3)), Some(node(0)));
        assert_eq!((machine.node_of(cpu(2)), machine.node_of(cpu(4))), (None, None));
        assert_eq!(machine.source(), TopologySource::Described);
        assert_eq!(machine.nr_cpus_configured(), None);
    }

    #[test]
    fn distances_may_differ_by_direction() {
        let machine = Topology::builder()
            .cpus(0..3)
            .node(0, [0])
            .node(4, [1])
            .node(9, [2])
            .distance(0, 4, 31)
            .distance_one_way(4, 0, 12)
            .build()
            .unwrap();
        assert_eq!(format!("{:?}", machine.nodes().last()), "Some(node9)");
        assert_eq!(machine.distance(node(0), node(4)), 31);
        assert_eq!(machine.distance(node(4), node(0)), 12);
        assert_eq!(machine.distance(node(4), node(9)), REMOTE_DISTANCE);
        assert_eq!(machine.distance(node(9), node(9)), LOCAL_DISTANCE);
        assert_eq!(machine.distance(node(5), node(5)), LOCAL_DISTANCE);
        assert_eq!(machine.distance(node(0), node(5)), REMOTE_DISTANCE);
        assert_eq!(machine.nr_node_ids(), 10);
    }

    #[test]
    fn each_fault_has_its_error() {
        use TopologyError::*;
        let new = Topology::builder;
        assert_eq!(error(new()), NoCpus);
        assert_eq!(error(new().cpus([0]).online([])), NoCpus);
        assert_eq!(error(new().cpus(0..)), CpuOutOfRange { cpu: cpu(65_534) });
        assert_eq!(error(new().cpus([0]).node(1024, [0])), NodeOutOfRange { node: node(1024) });
        assert_eq!(error(new().cpus([0]).online([0, 1])), OnlineNotPossible { cpu: cpu(1) });
        assert_eq!(error(new().cpus([0]).present([2])), PresentNotPossible { cpu: cpu(2) });
        assert_eq!(
            error(new().cpus([0]).node(3, [0, 9])),
            NodeCpuNotPossible { node: node(3), cpu: cpu(9) }
        );
        assert_eq!(
            error(new().cpus([0]).node(1, [0]).node(2, [0])),
            CpuInTwoNodes { cpu: cpu(0), first: node(1), second: node(2) }
        );
        assert_eq!(error(new().cpus([0, 1]).node(0, [0])), CpuWithoutNode { cpu: cpu(1) });
        assert_eq!(
            error(new().cpus([0]).distance(0, 7, 20)),
            DistanceOfUnknownNode { node: node(7) }
        );
        for distance in [0, 9] {
            assert_eq!(
                error(new().cpus([0, 1]).node(0, [0]).node(1, [1]).distance(0, 1, distance)),
                DistanceBelowLocal { from: node(0), to: node(1), distance }
            );
        }
        assert_eq!(
            error(new().cpus([0]).distance(0, 0, 20)),
            DistanceToItself { node: node(0), distance: 20 }
        );
    }

    #[test]
    fn uniform_machines() {
        let machine = Topology::uniform(7, 3).unwrap();
        let cpus = |id| machine.cpus_of(node(id)).unwrap().to_string();
        assert_eq!([cpus(0), cpus(1), cpus(2)], ["0-1", "2-3", "4-6"]);
        assert_eq!(machine.cpus_of(node(3)), None);
        assert_eq!(Topology::uniform(65_534, 1_024).unwrap().nr_cpu_ids(), 65_534);

        use TopologyError::*;
        assert_eq!(Topology::uniform(0, 1).unwrap_err(), NoCpus);
        assert_eq!(Topology::uniform(1, 0).unwrap_err(), NoNodes);
        assert_eq!(Topology::uniform(1, 2).unwrap_err(), MoreNodesThanCpus { cpus: 1, nodes: 2 });
        for cpus in [65_535, 70_000, u32::MAX] {
            let error = Topology::uniform(cpus, 1).unwrap_err();
            assert_eq!(error, CpuOutOfRange { cpu: cpu(cpus - 1) });
        }
        for nodes in [1_025, 2_000] {
            let error = Topology::uniform(2_000, nodes).unwrap_err();
            assert_eq!(error, NodeOutOfRange { node: node(nodes - 1) });
        }
    }

    #[test]
    fn texts() {
        let machine = Topology::builder()
            .cpus(0..4)
            .online([0, 1, 2])
            .node(0, [0, 1])
            .node(1, [2, 3])
            .node(2, [])
            .distance_one_way(1, 0, 12)
            .kernel_max(255)
            .build()
            .unwrap();
        assert_eq!(
            machine.to_string(),
            "4 possible CPUs 0-3, online 0-2; 3 nodes; as described\n\
             node 0: CPUs 0-1, 20 from the others\n\
             node 1: CPUs 2-3, distances 12 10 20\n\
             node 2: no CPUs, 20 from the others"
        );
        assert_eq!(
            machine.report_line().to_string(),
            "NR_CPUS:256 nr_cpumask_bits:4 nr_cpu_ids:4 nr_node_ids:3"
        );
        let one = Topology::uniform(1, 1).unwrap();
        assert_eq!(one.to_string(), "1 possible CPU 0; 1 node; as described\nnode 0: CPUs 0");
    }
}
