//! A sysfs of any texts: an error, or a machine that makes sense; of texts that make
//! sense, the machine they tell of.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::{CpuId, CpuSet, Layout, NodeId, Sizes, Topology, TopologySource};

/// What a file says: a list that makes sense, or anything.
#[derive(Arbitrary, Debug)]
enum List {
    Cpus(Vec<u8>),
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Distances {
    Right,
    Numbers(Vec<u8>),
    Text(String),
}

#[derive(Arbitrary, Debug)]
struct Node {
    number: u8,
    cpus: Option<List>,
    distances: Option<Distances>,
}

#[derive(Arbitrary, Debug)]
struct Input {
    possible: Option<List>,
    online: Option<List>,
    present: Option<List>,
    kernel_max: Option<u16>,
    nodes: Vec<Node>,
    /// Directories of CPUs that name their node.
    links: Vec<(u8, u8)>,
}

fn set(cpus: &[u8]) -> CpuSet {
    cpus.iter().map(|&cpu| CpuId::new(cpu.into())).collect()
}

impl List {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Cpus(cpus) => format!("{}\n", set(cpus)).into_bytes(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// A directory of this process, in memory if there is such a thing.
fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        place.join(format!("percpu-fuzz-{}", std::process::id()))
    })
}

/// Writes the tree; what it is worth knowing of.
fn write(root: &Path, input: &Input) -> std::io::Result<()> {
    let (cpu, node) = (root.join("devices/system/cpu"), root.join("devices/system/node"));
    fs::create_dir_all(&cpu)?;
    let lists =
        [("possible", &input.possible), ("online", &input.online), ("present", &input.present)];
    for (name, list) in lists {
        if let Some(list) = list {
            fs::write(cpu.join(name), list.bytes())?;
        }
    }
    if let Some(max) = input.kernel_max {
        fs::write(cpu.join("kernel_max"), format!("{max}\n"))?;
    }
    let numbers: BTreeSet<u8> = input.nodes.iter().take(8).map(|node| node.number).collect();
    for one in input.nodes.iter().take(8) {
        let dir = node.join(format!("node{}", one.number));
        fs::create_dir_all(&dir)?;
        if let Some(cpus) = &one.cpus {
            fs::write(dir.join("cpulist"), cpus.bytes())?;
        }
        let row = |far: &dyn Fn(u8) -> u8| {
            let texts = numbers.iter().map(|&other| far(other).to_string());
            texts.collect::<Vec<_>>().join(" ")
        };
        let text = match &one.distances {
            None => continue,
            Some(Distances::Right) => row(&|other| if other == one.number { 10 } else { 20 }),
            Some(Distances::Numbers(bytes)) => {
                bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(" ")
            }
            Some(Distances::Text(text)) => text.clone(),
        };
        fs::write(dir.join("distance"), text)?;
    }
    for (one, of) in input.links.iter().take(4) {
        fs::create_dir_all(cpu.join(format!("cpu{one}/node{of}")))?;
    }
    Ok(())
}

/// The nodes of CPUs, if the texts say so plainly: each CPU listed once, every list one of
/// CPUs, nothing else.
fn plain(input: &Input, possible: &CpuSet) -> Option<BTreeMap<CpuId, NodeId>> {
    let mut homes = BTreeMap::new();
    let mut numbers = BTreeSet::new();
    for node in &input.nodes {
        let Some(List::Cpus(cpus)) = &node.cpus else { return None };
        let right = matches!(node.distances, None | Some(Distances::Right));
        if !right || !numbers.insert(node.number) || input.nodes.len() > 8 {
            return None;
        }
        for cpu in set(cpus).iter().filter(|&cpu| possible.contains(cpu)) {
            let home = NodeId::new(node.number.into());
            if homes.insert(cpu, home).is_some() {
                return None;
            }
        }
    }
    let all = input.nodes.is_empty() || possible.iter().all(|cpu| homes.contains_key(&cpu));
    let rows = input.nodes.iter().all(|node| node.distances.is_some());
    (all && (rows || input.nodes.is_empty()) && input.links.is_empty()).then_some(homes)
}

fn check(machine: &Topology) {
    assert!(!machine.possible().is_empty() && !machine.online().is_empty());
    assert_eq!(machine.online().intersection(machine.possible()), *machine.online());
    assert_eq!(machine.present().intersection(machine.possible()), *machine.present());
    for cpu in machine.possible().iter() {
        let node = machine.node_of(cpu).expect("a possible CPU has a node");
        assert!(machine.distance(node, node) >= 10);
    }
    assert!(!machine.to_string().is_empty());
    if machine.possible().len() <= 64 {
        if let Ok(layout) = Layout::build(&Sizes::new(1000).dynamic(20 << 10), machine) {
            assert_eq!(layout.sanity(machine), Ok(()));
        }
    }
}

fuzz_target!(|input: Input| {
    let root = root();
    let _ = fs::remove_dir_all(root);
    if let Err(error) = write(root, &input) {
        panic!("{}: {error}", root.display());
    }
    let told = Topology::from_sysfs(root);
    let _ = fs::remove_dir_all(root);
    match &told {
        Ok(machine) => check(machine),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    // What makes sense is told as it is.
    let Some(List::Cpus(possible)) = &input.possible else { return };
    let possible = set(possible);
    let lists = [&input.online, &input.present];
    if possible.is_empty() || !lists.iter().all(|list| matches!(list, None | Some(List::Cpus(_)))) {
        return;
    }
    let Some(homes) = plain(&input, &possible) else { return };
    let machine = told.expect("it makes sense");
    assert_eq!((machine.possible(), machine.source()), (&possible, TopologySource::Sysfs));
    for (list, told) in [(&input.online, machine.online()), (&input.present, machine.present())] {
        let Some(List::Cpus(cpus)) = list else { continue };
        let cut = set(cpus).intersection(&possible);
        assert_eq!(told, if cut.is_empty() { &possible } else { &cut });
    }
    for (cpu, home) in homes {
        assert_eq!(machine.node_of(cpu), Some(home));
    }
});
