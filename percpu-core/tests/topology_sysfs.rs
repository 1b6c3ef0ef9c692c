//! Machines read from pretend sysfs trees.
#![cfg(all(unix, not(miri)))]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use percpu_core::{CpuId, NodeId, Topology, TopologyError, TopologySource};

/// A directory that looks like `/sys`, removed when dropped.
struct Sysfs(PathBuf);

impl Sysfs {
    fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root =
            std::env::temp_dir().join(format!("percpu-sysfs-{}-{count}", std::process::id()));
        for (file, text) in files {
            let file = root.join("devices/system").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn read(files: &[(&str, &str)]) -> Result<Topology, TopologyError> {
        Topology::from_sysfs(Self::new(files).root())
    }

    fn root(&self) -> &Path {
        &self.0
    }
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn node(id: u32) -> NodeId {
    NodeId::new(id)
}

fn cpus_of(machine: &Topology, id: u32) -> String {
    machine.cpus_of(node(id)).expect("the node is there").to_string()
}

#[test]
fn an_ordinary_machine() {
    let machine = Sysfs::read(&[
        ("cpu/possible", "0-7\n"),
        ("cpu/present", "0-5\n"),
        ("cpu/online", "0-2,4-5\n"),
        ("cpu/kernel_max", "255\n"),
        ("node/node0/cpulist", "0-2\n"),
        ("node/node0/distance", "10 21\n"),
        ("node/node1/cpulist", "4-5\n"),
        ("node/node1/distance", "31 10\n"),
        // Offline CPUs are in no list; their directory names the node.
        ("cpu/cpu3/node0/cpulist", ""),
        ("cpu/cpu6/node1/cpulist", ""),
        // Other entries of the directory.
        ("node/online", "0-1\n"),
        ("node/nodes/cpulist", "junk"),
        ("node/node/cpulist", "junk"),
    ])
    .unwrap();
    assert_eq!(machine.source(), TopologySource::Sysfs);
    assert_eq!(machine.possible().to_string(), "0-7");
    assert_eq!(machine.present().to_string(), "0-5");
    assert_eq!(machine.online().to_string(), "0-2,4-5");
    // CPU 7 was never seen: it goes to the first node with CPUs.
    assert_eq!((cpus_of(&machine, 0), cpus_of(&machine, 1)), ("0-3,7".into(), "4-6".into()));
    assert_eq!(machine.distance(node(0), node(1)), 21);
    assert_eq!(machine.distance(node(1), node(0)), 31);
    assert_eq!(
        machine.report_line().to_string(),
        "NR_CPUS:256 nr_cpumask_bits:8 nr_cpu_ids:8 nr_node_ids:2"
    );
}

#[test]
fn sparse_numbers_and_nodes_without_cpus() {
    let machine = Sysfs::read(&[
        ("cpu/possible", "0,2,5,7\n"),
        ("node/node0/cpulist", "\n"),
        ("node/node0/distance", "10 20 30\n"),
        ("node/node2/cpulist", "0,2\n"),
        ("node/node2/distance", "20 10 40\n"),
        ("node/node8/cpulist", "5,7\n"),
        ("node/node8/distance", "30 40 10\n"),
    ])
    .unwrap();
    assert_eq!((machine.nr_cpu_ids(), machine.nr_node_ids()), (8, 9));
    assert!(machine.cpus_of(node(0)).unwrap().is_empty());
    assert_eq!(machine.node_of(CpuId::new(7)), Some(node(8)));
    assert_eq!(machine.node_of(CpuId::new(1)), None);
    assert_eq!(machine.distance(node(2), node(8)), 40);
    assert_eq!(machine.online(), machine.possible());
}

#[test]
fn missing_files_have_replacements() {
    // No nodes at all.
    let machine = Sysfs::read(&[("cpu/possible", "0-3\n")]).unwrap();
    assert_eq!(machine.nodes().collect::<Vec<_>>(), [node(0)]);
    assert_eq!(cpus_of(&machine, 0), "0-3");
    assert_eq!(machine.nr_cpus_configured(), None);

    // Only memory known of a node, no distances, no list.
    let machine = Sysfs::read(&[
        ("cpu/possible", "0-3\n"),
        ("node/node0/meminfo", ""),
        ("node/node1/cpulist", "0-1\n"),
    ])
    .unwrap();
    assert_eq!(cpus_of(&machine, 1), "0-3");
    assert_eq!(machine.distance(node(0), node(1)), 20);

    // No list of possible CPUs: all that the kernel could have.
    let machine = Sysfs::read(&[("cpu/kernel_max", "15\n"), ("cpu/online", "0-1")]).unwrap();
    assert_eq!(machine.source(), TopologySource::KernelMax);
    assert_eq!(
        (machine.possible().to_string(), machine.online().to_string()),
        ("0-15".into(), "0-1".into())
    );
    let machine = Sysfs::read(&[("cpu/kernel_max", "4294967295\n")]).unwrap();
    assert_eq!(machine.nr_cpu_ids(), 65_534);

    // Nothing.
    assert_eq!(Sysfs::read(&[]).unwrap_err(), TopologyError::NoCpus);
    assert_eq!(
        Topology::from_sysfs(Path::new("/nonexistent/sys")).unwrap_err(),
        TopologyError::NoCpus
    );
    assert_eq!(Sysfs::read(&[("cpu/kernel_max", "x")]).unwrap_err(), TopologyError::NoCpus);
}

/// A container shows files of its own making.
#[test]
fn what_is_not_possible_is_cut() {
    let machine = Sysfs::read(&[
        ("cpu/possible", "0-3\n"),
        ("cpu/online", "2-9\n"),
        ("cpu/present", "8-9\n"),
        ("cpu/kernel_max", "junk"),
        ("node/node0/cpulist", "0-63\n"),
        ("node/node0/distance", "10\n"),
    ])
    .unwrap();
    assert_eq!(machine.online().to_string(), "2-3");
    assert_eq!(machine.present().to_string(), "0-3", "an empty cut is no news");
    assert_eq!(cpus_of(&machine, 0), "0-3");
    assert_eq!(machine.nr_cpus_configured(), None);
}

#[test]
fn torn_and_senseless_files_are_errors() {
    let bad_list = |files: &[(&str, &str)], name: &str| {
        let error = Sysfs::read(files).unwrap_err();
        let TopologyError::BadList { file, .. } = &error else { panic!("{error}") };
        assert!(file.ends_with(name) && error.to_string().contains(name), "{error}");
    };
    bad_list(&[("cpu/possible", "0-")], "cpu/possible");
    bad_list(&[("cpu/possible", "0-99999999\n")], "cpu/possible");
    bad_list(&[("cpu/possible", "0-3"), ("cpu/online", "all")], "cpu/online");
    bad_list(&[("cpu/possible", "0-3"), ("node/node0/cpulist", "3-0")], "node0/cpulist");

    let one = ("cpu/possible", "0-1\n");
    for text in ["", "10 20 30\n", "10", "10 x\n", "10 -20\n"] {
        let error = Sysfs::read(&[
            one,
            ("node/node0/cpulist", "0"),
            ("node/node1/cpulist", "1"),
            ("node/node1/distance", text),
        ]);
        assert!(
            matches!(error, Err(TopologyError::BadDistances { nodes: 2, .. })),
            "{text:?} {error:?}"
        );
    }
    let error = Sysfs::read(&[one, ("node/node0/distance", "20")]).unwrap_err();
    assert_eq!(error, TopologyError::DistanceToItself { node: node(0), distance: 20 });
    let error =
        Sysfs::read(&[one, ("node/node0/distance", "10 0"), ("node/node1/distance", "20 10")]);
    assert!(matches!(error, Err(TopologyError::DistanceBelowLocal { distance: 0, .. })));
    let error = Sysfs::read(&[one, ("node/node0/cpulist", "0-1"), ("node/node1/cpulist", "1")]);
    assert!(matches!(error, Err(TopologyError::CpuInTwoNodes { .. })));
    let error = Sysfs::read(&[one, ("node/node5000/cpulist", "0-1")]).unwrap_err();
    assert_eq!(error, TopologyError::NodeOutOfRange { node: node(5_000) });
    assert_eq!(Sysfs::read(&[("cpu/possible", "\n")]).unwrap_err(), TopologyError::NoCpus);
}

#[test]
fn unreadable_files_are_errors() {
    // A directory where a file should be.
    let error = Sysfs::read(&[("cpu/possible/x", "")]).unwrap_err();
    assert!(matches!(error, TopologyError::Unreadable { .. }), "{error}");
    // Bytes that are no text.
    let sysfs = Sysfs::new(&[("cpu/possible", "0")]);
    fs::write(sysfs.root().join("devices/system/cpu/possible"), b"0-\xff\xfe").unwrap();
    let error = Topology::from_sysfs(sysfs.root()).unwrap_err();
    assert!(matches!(error, TopologyError::Unreadable { .. }), "{error}");
    // A folder that leads to itself.
    let sysfs = Sysfs::new(&[("cpu/possible", "0")]);
    std::os::unix::fs::symlink("node", sysfs.root().join("devices/system/node")).unwrap();
    let error = Topology::from_sysfs(sysfs.root()).unwrap_err();
    assert!(matches!(error, TopologyError::Unreadable { .. }), "{error}");
}

#[test]
fn this_machine() {
    let machine = Topology::detect();
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(machine.possible().len() >= count, "{machine}");
    assert!(machine.online().iter().all(|cpu| machine.possible().contains(cpu)));
    for cpu in machine.possible().iter() {
        let home = machine.node_of(cpu).expect("every CPU has a node");
        assert!(machine.cpus_of(home).unwrap().contains(cpu));
    }
}
