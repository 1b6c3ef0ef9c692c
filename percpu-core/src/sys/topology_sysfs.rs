//! This machine, as sysfs tells it.
//!
//! ```text
//!   devices/system/cpu/possible ── missing ──> 0..=kernel_max ── missing ──> error
//!   devices/system/cpu/online, present ── missing ──> all possible CPUs
//!   devices/system/node/node*/cpulist, distance ── missing ──> one node, REMOTE
//! ```
//!
//! What is missing has a sensible replacement; what is there and makes no sense
//! is an error, for a torn list would be a machine without some of its CPUs.
//! Containers may hide parts of sysfs or show files of their own making, so
//! `online` and `present` and the nodes are cut down to possible CPUs.
//! [`Topology::detect`] never fails: it falls back step by step and says so in
//! [`Topology::source`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use crate::cpu::CpuId;
use crate::sys::cpulist::CpuSet;
use crate::sys::topology::{NodeId, Topology, TopologySource};
use crate::sys::topology_builder::TopologyBuilder;
use crate::sys::topology_error::TopologyError;

impl Topology {
    /// This machine, as far as it can be known.
    ///
    /// Reads sysfs on Linux. Where its nodes make no sense, all CPUs are put
    /// into node 0; where there is no sysfs, the CPUs are counted by
    /// [`std::thread::available_parallelism`] and numbered from 0.
    /// [`Topology::source`] says which it was.
    ///
    /// # Performance
    ///
    /// A few system calls and heap allocations a node; call it once.
    ///
    /// # Examples
    ///
    /// ```
    /// let machine = percpu_core::Topology::detect();
    /// println!("{machine}");
    /// assert!(machine.possible().len() >= machine.online().len());
    /// ```
    #[must_use]
    pub fn detect() -> Topology {
        let root = Path::new("/sys");
        let told = if cfg!(percpu_linux) {
            Self::from_sysfs(root)
                .or_else(|_| Cpus::read(root)?.describe(TopologySource::SysfsCpus))
        } else {
            Err(TopologyError::NoCpus)
        };
        told.unwrap_or_else(|_| from_available_parallelism())
    }

    /// The machine that a sysfs mounted at `root` tells of; `/sys` as a rule.
    ///
    /// A missing file is replaced as the kernel would: without `possible` all
    /// CPUs up to `kernel_max` are possible, without nodes there is one. A
    /// possible CPU that no node lists (it is offline) is in the node that its
    /// own directory names, else in the first that has CPUs.
    ///
    /// # Errors
    ///
    /// A file that exists and makes no sense: not a list, CPUs out of range, a
    /// CPU in two nodes, distances too few, too many or below 10, text that is
    /// not UTF-8, permission denied. [`TopologyError::NoCpus`] if neither
    /// `possible` nor `kernel_max` tells of any.
    pub fn from_sysfs(root: &Path) -> Result<Topology, TopologyError> {
        let cpus = Cpus::read(root)?;
        let source = cpus.source;
        let nodes = read_nodes(root, &cpus.possible)?;
        let machine = with_nodes(cpus.builder(), nodes);
        machine.build_from(source)
    }
}

/// The CPUs that run now, by the sysfs mounted at `root`. Never empty.
pub(crate) fn read_online(root: &Path) -> Result<CpuSet, TopologyError> {
    let file = root.join("devices/system/cpu/online");
    match read_list(&file)? {
        Some(online) if online.is_empty() => Err(TopologyError::NoCpus),
        Some(online) => Ok(online),
        None => Err(TopologyError::Unreadable { file, kind: io::ErrorKind::NotFound }),
    }
}

/// What `devices/system/cpu` says.
struct Cpus {
    possible: CpuSet,
    online: Option<CpuSet>,
    present: Option<CpuSet>,
    kernel_max: Option<u32>,
    source: TopologySource,
}

impl Cpus {
    fn read(root: &Path) -> Result<Self, TopologyError> {
        let dir = root.join("devices/system/cpu");
        // Only reported, unless `possible` is missing: junk counts as unknown.
        let kernel_max: Option<u32> =
            read(&dir.join("kernel_max")).ok().flatten().and_then(|text| text.trim().parse().ok());
        let (possible, source) = match read_list(&dir.join("possible"))? {
            Some(possible) => (possible, TopologySource::Sysfs),
            None => {
                let max = kernel_max.ok_or(TopologyError::NoCpus)?.min(CpuSet::MAX_ID);
                ((0..=max).map(CpuId::new).collect(), TopologySource::KernelMax)
            }
        };
        // Empty after the cut would mean that nothing runs this: no news.
        let cut = |file| -> Result<Option<CpuSet>, TopologyError> {
            let set = read_list(&dir.join(file))?.map(|set| set.intersection(&possible));
            Ok(set.filter(|set| !set.is_empty()))
        };
        let (online, present) = (cut("online")?, cut("present")?);
        Ok(Self { possible, online, present, kernel_max, source })
    }

    fn builder(&self) -> TopologyBuilder {
        let numbers = |set: &CpuSet| set.iter().map(CpuId::get).collect::<Vec<_>>();
        let mut machine = Topology::builder().cpus(numbers(&self.possible));
        if let Some(online) = &self.online {
            machine = machine.online(numbers(online));
        }
        if let Some(present) = &self.present {
            machine = machine.present(numbers(present));
        }
        match self.kernel_max {
            Some(max) => machine.kernel_max(max),
            None => machine,
        }
    }

    fn describe(&self, source: TopologySource) -> Result<Topology, TopologyError> {
        self.builder().build_from(source)
    }
}

/// What `devices/system/node/node<N>` says.
struct NodeFacts {
    cpus: CpuSet,
    /// To every node, in ascending order; empty if there is no such file.
    distances: Vec<u32>,
}

/// All nodes; none if sysfs tells of none. Each possible CPU is in one at least.
fn read_nodes(
    root: &Path,
    possible: &CpuSet,
) -> Result<BTreeMap<NodeId, NodeFacts>, TopologyError> {
    let dir = root.join("devices/system/node");
    let mut nodes = BTreeMap::new();
    for node in numbered_entries(&dir, "node")?.into_iter().map(NodeId::new) {
        let cpus = read_list(&dir.join(format!("node{node}/cpulist")))?.unwrap_or_default();
        nodes.insert(node, NodeFacts { cpus: cpus.intersection(possible), distances: Vec::new() });
    }
    let count = nodes.len();
    for (node, facts) in &mut nodes {
        facts.distances = read_distances(&dir.join(format!("node{node}/distance")), count)?;
    }
    place_unlisted(root, possible, &mut nodes)?;
    Ok(nodes)
}

/// Gives a node to the CPUs that none lists: `cpulist` shows online ones only.
fn place_unlisted(
    root: &Path,
    possible: &CpuSet,
    nodes: &mut BTreeMap<NodeId, NodeFacts>,
) -> Result<(), TopologyError> {
    let Some(&lowest) = nodes.keys().next() else { return Ok(()) };
    let with_cpus = nodes.iter().find(|(_, facts)| !facts.cpus.is_empty());
    let default = with_cpus.map_or(lowest, |(&node, _)| node);

    let listed: CpuSet = nodes.values().flat_map(|facts| facts.cpus.iter()).collect();
    let mut moved: BTreeMap<NodeId, Vec<CpuId>> = BTreeMap::new();
    for cpu in possible.iter().filter(|&cpu| !listed.contains(cpu)) {
        let dir = root.join(format!("devices/system/cpu/cpu{cpu}"));
        let own = numbered_entries(&dir, "node")?.first().map(|&node| NodeId::new(node));
        let node = own.filter(|node| nodes.contains_key(node)).unwrap_or(default);
        moved.entry(node).or_default().push(cpu);
    }
    for (node, cpus) in moved {
        if let Some(facts) = nodes.get_mut(&node) {
            facts.cpus = facts.cpus.iter().chain(cpus).collect();
        }
    }
    Ok(())
}

fn with_nodes(mut machine: TopologyBuilder, nodes: BTreeMap<NodeId, NodeFacts>) -> TopologyBuilder {
    let ids: Vec<u32> = nodes.keys().map(|node| node.get()).collect();
    for (node, facts) in nodes {
        machine = machine.node(node.get(), facts.cpus.iter().map(CpuId::get));
        for (&to, &distance) in ids.iter().zip(&facts.distances) {
            machine = machine.distance_one_way(node.get(), to, distance);
        }
    }
    machine
}

/// The last resort: as many CPUs as this process may use, numbered from 0.
fn from_available_parallelism() -> Topology {
    let count = thread::available_parallelism().map_or(1, usize::from);
    let highest = (count - 1).min(CpuSet::MAX_ID as usize) as u32;
    Topology::builder()
        .cpus(0..=highest)
        .build_from(TopologySource::AvailableParallelism)
        .expect("CPUs 0..=n in one node are a machine")
}

/// The text of a file; `None` if there is no such file.
fn read(file: &Path) -> Result<Option<String>, TopologyError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn read_list(file: &Path) -> Result<Option<CpuSet>, TopologyError> {
    let Some(text) = read(file)? else { return Ok(None) };
    match text.parse() {
        Ok(set) => Ok(Some(set)),
        Err(error) => Err(TopologyError::BadList { file: file.to_owned(), error }),
    }
}

/// `nodes` numbers parted by blanks; none at all if there is no such file.
fn read_distances(file: &Path, nodes: usize) -> Result<Vec<u32>, TopologyError> {
    let Some(text) = read(file)? else { return Ok(Vec::new()) };
    let numbers: Option<Vec<u32>> = text.split_ascii_whitespace().map(|n| n.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() == nodes).ok_or_else(|| TopologyError::BadDistances {
        file: file.to_owned(),
        text: text.trim().chars().take(40).collect(),
        nodes,
    })
}

/// The numbers N of the entries `<prefix>N` of a directory, ascending; none if
/// there is no such directory.
fn numbered_entries(dir: &Path, prefix: &str) -> Result<Vec<u32>, TopologyError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(dir, &error)),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| unreadable(dir, &error))?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(prefix)).unwrap_or_default();
        // `node0x`, `nodes` and `node+1` are other things.
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            numbers.extend(digits.parse::<u32>().ok());
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(file: &Path, error: &io::Error) -> TopologyError {
    TopologyError::Unreadable { file: PathBuf::from(file), kind: error.kind() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_resort_has_as_many_cpus_as_this_process_may_use() {
        let count = thread::available_parallelism().unwrap().get();
        assert_eq!(from_available_parallelism().possible().len(), count);
    }
}
