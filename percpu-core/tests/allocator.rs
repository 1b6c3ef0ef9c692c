//! The allocator on this machine: what the system says it holds, and gives back.
//!
//! # Safety
//!
//! Writes to copies that the test owns, through the pointers it was given.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;

use std::alloc::Layout;

use common::Random;
use percpu_core::atomic::{AtomicU8, AtomicU64};
use percpu_core::{
    Backing, Balancer, CpuSet, Error, MemoryRegion, NodeId, PerCpu, PerCpuBytes, PerCpuSlice,
    Topology, Unit, Zeroable, balance, config, info, locate, percpu, stats,
};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(7);
}

#[repr(align(4096))]
struct Page(#[allow(dead_code, reason = "for its size")] [AtomicU8; 4096]);
// SAFETY: bytes of zero.
unsafe impl Zeroable for Page {}

/// The kernel's description of each mapping of per-CPU memory.
fn mappings() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut mappings: Vec<(bool, String)> = Vec::new();
    for line in text.lines() {
        let first = line.split_whitespace().next().unwrap_or("");
        if let Some((start, _)) = first.split_once('-').filter(|_| !first.ends_with(':')) {
            let start = usize::from_str_radix(start, 16).unwrap();
            let ours = locate(std::ptr::without_provenance::<u8>(start)).is_some();
            mappings.push((ours, String::new()));
        }
        let mapping = &mut mappings.last_mut().unwrap().1;
        *mapping = format!("{mapping}{line}\n");
    }
    mappings.into_iter().filter(|(ours, _)| *ours).map(|(_, mapping)| mapping).collect()
}

/// How many mappings of ours there are, and their sum of `field`, in bytes.
fn smaps(field: &str) -> (usize, usize) {
    let mappings = mappings();
    let lines = mappings.iter().flat_map(|mapping| mapping.lines());
    let values = lines.filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = values.map(|value| value.trim().trim_end_matches(" kB").parse::<usize>().unwrap());
    (mappings.len(), kib.sum::<usize>() << 10)
}

/// How many mappings a chunk is at most: neighbours of one kind are one to the kernel,
/// and units of different nodes are not.
fn kinds() -> usize {
    match Topology::detect().nodes().len() {
        1 => 1,
        nodes => nodes + 1,
    }
}

fn resident() -> usize {
    smaps("Rss").1
}

/// An area of 1 to 1024 bytes at a multiple of 2 to 2048, marked in every unit.
fn random_area(random: &mut Random, mark: u8) -> PerCpuBytes {
    let (size, align) = (random.next() % 1024 + 1, 2_u64 << (random.next() % 11));
    let layout = Layout::from_size_align(size as usize, align as usize).unwrap();
    let area = PerCpuBytes::zeroed(layout).unwrap();
    for unit in Unit::all().unwrap() {
        let copy = area.as_ptr(unit);
        assert_eq!(copy.addr() % layout.align(), 0, "{unit}");
        // SAFETY: the copy is `size` bytes that only this thread knows.
        let bytes = unsafe { std::slice::from_raw_parts_mut(copy, layout.size()) };
        assert!(bytes.iter().all(|&byte| byte == 0), "zero in {unit}");
        bytes.fill(mark);
    }
    area
}

fn assert_marked(area: &PerCpuBytes, mark: u8) {
    for unit in Unit::all().unwrap() {
        // SAFETY: as in `random_area`; nobody writes now.
        let bytes = unsafe { std::slice::from_raw_parts(area.as_ptr(unit), area.layout().size()) };
        assert!(bytes.iter().all(|&byte| byte == mark), "nobody else wrote there");
    }
}

/// Row DA-02, and what must hold after it.
#[test]
fn four_threads_make_35000_random_allocations() {
    common::in_each_mode("four_threads_make_35000_random_allocations", || {
        // Everything is touched once, so that what the program keeps is there.
        WORD.inc();
        drop(random_area(&mut Random(99), 1));
        balance().unwrap();
        let before = resident();
        let rounds = common::scaled(35_000) / 4;
        std::thread::scope(|scope| {
            for thread in 1..=4 {
                scope.spawn(move || {
                    let mut random = Random(thread);
                    let areas: Vec<_> = (0..rounds)
                        .map(|nth| (random_area(&mut random, nth as u8), nth as u8))
                        .collect();
                    areas.iter().for_each(|(area, mark)| assert_marked(area, *mark));
                });
            }
        });
        let full = stats().unwrap();
        assert_eq!(full.nr_alloc - 1, rounds * 4);
        // What the front cache holds may lie in every chunk.
        let gave_back = full.nr_chunks < full.nr_max_chunks || full.front_cached > 0;
        assert!(gave_back, "frees gave chunks back\n{full}");
        let (most, per_cpu) = (full.metadata_bytes, full.nr_chunks * full.unit_size * full.units);
        assert!(most * 100 < per_cpu * 3, "{most} bytes of metadata for {per_cpu}");
        balance().unwrap();
        let after = stats().unwrap();
        assert_eq!((after.nr_cur_alloc, after.front_cached), (0, 0));
        assert_eq!(after.nr_alloc, after.nr_dealloc);
        assert_eq!(after.nr_chunks, 2, "the first chunk and one free one\n{after}");
        assert!(after.chunks.iter().all(|chunk| chunk.stats.nr_alloc == 0));
        let now = resident();
        // The first chunk's own pages stay once they were touched: seven a unit.
        let first = after.dyn_size.next_multiple_of(4096) * after.units;
        assert!(now <= before + before / 20 + first, "{before} bytes before, {now} after");
        let fresh = random_area(&mut Random(5), 9);
        assert_marked(&fresh, 9);
    });
}

/// Row ST-03 and FC-11, where memory is backed before it is handed out.
#[test]
fn backing_bytes_are_what_is_resident() {
    let test = "backing_bytes_are_what_is_resident";
    common::in_child(test, &[], || {
        config().backing(Backing::Eager).apply().unwrap();
        let start = stats().unwrap();
        assert_eq!(start.backing_bytes, info().unwrap().layout().size_sum() * start.units);
        assert_eq!(resident(), start.backing_bytes, "neither tails nor holes are backed");
        let pages: Vec<_> = (0..600).map(|_| PerCpu::<Page>::zeroed().unwrap()).collect();
        assert_eq!(resident(), stats().unwrap().backing_bytes);
        assert!(smaps("Rss").0 <= stats().unwrap().nr_chunks * kinds(), "mappings");
        drop(pages);
        balance().unwrap();
        assert_eq!(resident(), stats().unwrap().backing_bytes);
        assert!(resident() <= start.backing_bytes + 4 * 4096 * start.units, "given back");
    });
}

/// Lazily, only what is touched is resident, and at most what the books say.
#[test]
fn untouched_copies_cost_nothing() {
    common::in_child("untouched_copies_cost_nothing", &[], || {
        let pages: Vec<_> = (0..600).map(|_| PerCpu::<Page>::zeroed().unwrap()).collect();
        assert!(resident() <= 4 * 4096, "nothing was touched but statics");
        let before = resident();
        for (unit, copy) in &pages[0] {
            assert_eq!(copy.unit(), unit);
            copy.get().0[0].store(1, std::sync::atomic::Ordering::Relaxed);
        }
        let touched = resident() - before;
        // Each unit that became active holds the statics now, too.
        let units = info().unwrap().units();
        assert!((units..=3 * units).contains(&(touched / 4096)), "{touched} bytes");
        assert!(resident() <= stats().unwrap().backing_bytes);
        assert!(smaps("Rss").0 <= stats().unwrap().nr_chunks * kinds(), "mappings");
    });
}

/// Row FC-15, where the system has huge pages.
#[test]
fn units_are_backed_by_huge_pages_where_there_are_some() {
    common::in_child("units_are_backed_by_huge_pages_where_there_are_some", &[], || {
        config().backing(Backing::Huge).apply().unwrap();
        // How often the kernel had none at hand.
        let refusals = || {
            let counts = std::fs::read_to_string("/proc/vmstat").unwrap();
            let count = counts.lines().find_map(|line| line.strip_prefix("thp_fault_fallback "));
            count.map_or(0, |count| count.parse::<u64>().unwrap())
        };
        let before = refusals();
        WORD.inc();
        let path = "/sys/kernel/mm/transparent_hugepage/enabled";
        let allowed = std::fs::read_to_string(path).is_ok_and(|text| !text.contains("[never]"));
        let (huge, units) = (smaps("AnonHugePages").1, info().unwrap().units());
        let layout = info().unwrap().layout();
        let whole = layout.unit_size() * (units + layout.wasted_units());
        assert_eq!(resident(), whole, "whole chunks are backed");
        println!("huge pages: {huge} bytes of {whole}, allowed: {allowed}");
        assert!(allowed || huge == 0);
        assert!(!allowed || huge > 0 || refusals() > before, "none was asked for");
    });
}

/// Row DA-08 as the system sees it: `ci/strace.sh` counts the calls.
#[test]
fn a_nonblocking_request_asks_the_system_for_nothing() {
    common::in_child("a_nonblocking_request_asks_the_system_for_nothing", &[], || {
        config().backing(Backing::Eager).apply().unwrap();
        percpu_core::init().unwrap();
        let before = smaps("Size");
        let hurried = || PerCpu::<Page>::options().nonblocking().zeroed();
        let mut live = Vec::with_capacity(1000);
        while let Ok(page) = hurried() {
            live.push(page);
        }
        assert_eq!(hurried().map(drop).unwrap_err(), Error::WouldBlock { size: 4096 });
        assert_eq!(smaps("Size"), before, "no chunk was made");
        let done = balance().unwrap();
        assert_eq!(done.pages_populated, 4, "{done:?}");
        let more: Vec<_> = (0..4).map(|_| hurried().unwrap()).collect();
        assert!(hurried().is_err());
        drop((live, more));
    });
}

/// Row DA-07.
#[test]
fn the_reserved_region_is_used_by_name_only() {
    common::in_child("the_reserved_region_is_used_by_name_only", &[], || {
        config().reserved(1 << 10).apply().unwrap();
        let reserved = || PerCpu::<[AtomicU64; 32]>::options().reserved().zeroed();
        let four: Vec<_> = (0..4).map(|_| reserved().unwrap()).collect();
        for words in &four {
            assert_eq!(locate(words.hint()).unwrap().region, MemoryRegion::Reserved);
        }
        assert_eq!(reserved().map(drop).unwrap_err(), Error::ReservedFull { size: 256 });
        PerCpu::<[AtomicU64; 32]>::zeroed().unwrap();
        drop(four);
        reserved().unwrap();
    });
}

/// Rows AD-08 and AD-09.
#[test]
fn an_address_tells_what_it_belongs_to() {
    common::in_child("an_address_tells_what_it_belongs_to", &[], || {
        let mut pages = Vec::new();
        while info().unwrap().chunks() < 3 {
            pages.push(PerCpu::<Page>::zeroed().unwrap());
        }
        let word = PerCpu::<AtomicU64>::zeroed().unwrap();
        let first = Unit::all().unwrap().next().unwrap();
        for unit in Unit::all().unwrap() {
            let at = locate(WORD.on(unit).get()).unwrap();
            assert_eq!((at.unit, at.region), (Some(unit), MemoryRegion::Static));
            assert_eq!(at.canonical, std::ptr::from_ref(WORD.on(first).get()).addr());
            let at = locate(word.on(unit).get()).unwrap();
            assert_eq!(at.unit, Some(unit));
            assert!(matches!(at.region, MemoryRegion::Dynamic { .. }), "{at:?}");
            assert_eq!(at.canonical, std::ptr::from_ref(word.on(first).get()).addr());
            let last = locate(&pages.last().unwrap().on(unit).get().0[4095]).unwrap();
            assert!(matches!(last.region, MemoryRegion::Dynamic { .. }), "{last:?}");
            assert_eq!((last.unit, last.offset % 4096), (Some(unit), 4095));
            assert_ne!(last.region, at.region, "another chunk");
        }
        assert_eq!(locate(&raw const pages), None, "the stack");
        assert_eq!(locate(Box::new(1).as_ref()), None, "the heap");
        assert_eq!(locate(std::ptr::null::<u8>()), None);
    });
}

#[test]
fn a_balancer_gives_back_by_itself_until_it_is_dropped() {
    common::in_child("a_balancer_gives_back_by_itself_until_it_is_dropped", &[], || {
        config().backing(Backing::Eager).apply().unwrap();
        let tasks = || std::fs::read_dir("/proc/self/task").unwrap().count();
        let before = tasks();
        let balancer = Balancer::every(std::time::Duration::from_millis(5)).unwrap();
        let hurried = || PerCpu::<Page>::options().nonblocking().zeroed();
        let mut live: Vec<_> = std::iter::from_fn(|| hurried().ok()).collect();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while live.len() < 20 {
            live.extend(hurried());
            assert!(std::time::Instant::now() < deadline, "{} pages", live.len());
        }
        drop(balancer);
        // A thread that was joined may still be listed for a moment.
        while tasks() > before {
            assert!(std::time::Instant::now() < deadline, "the balancer's thread is gone");
            std::thread::yield_now();
        }
    });
}

#[test]
fn slices_of_words_have_their_length_from_run_time() {
    let words = PerCpuSlice::<AtomicU64>::zeroed(100).unwrap();
    for (n, word) in words.iter().enumerate() {
        word.add(n as u64);
    }
    assert!(words.sums().eq(0..100));
    assert_eq!((words.len(), words.is_empty()), (100, false));
    assert!(words.get(100).is_none());
    assert!(std::panic::catch_unwind(|| words.at(100).inc()).is_err());
    assert_eq!(PerCpuSlice::<AtomicU64>::zeroed(0).map(drop), Err(Error::ZeroSize));
    let max = info().unwrap().largest_allocation();
    assert_eq!(
        PerCpuSlice::<AtomicU64>::zeroed(5000).map(drop),
        Err(Error::TooLarge { size: 40_000, max })
    );
    assert!(PerCpuSlice::<AtomicU64>::zeroed(usize::MAX).is_err());
}

/// Left out of core dumps if asked, and named either way.
#[test]
fn mappings_are_named_and_can_be_left_out_of_core_dumps() {
    for dump in [true, false] {
        let test = "mappings_are_named_and_can_be_left_out_of_core_dumps";
        common::in_child(test, &[("DUMP", if dump { "1" } else { "0" })], || {
            let dump = std::env::var("DUMP").unwrap() == "1";
            config().core_dumps(dump).apply().unwrap();
            WORD.inc();
            let ours = mappings().swap_remove(0);
            let flags = ours.lines().find(|line| line.starts_with("VmFlags:")).unwrap();
            assert_eq!(flags.split_whitespace().any(|flag| flag == "dd"), !dump, "{flags}");
            // Kernels can be built without names.
            let named = ours.contains("[anon:percpu: first chunk]");
            assert_eq!(named, can_name(), "{ours}");
        });
        if std::env::var_os("PERCPU_TEST_CHILD").is_some() {
            return;
        }
    }
}

/// Whether this kernel names anonymous mappings.
fn can_name() -> bool {
    let len = 4096;
    let (read, private) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a fresh mapping at an address the kernel chooses.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), len, read, private, -1, 0) };
    let (name, option) = (c"a name".as_ptr(), libc::PR_SET_VMA_ANON_NAME);
    // SAFETY: names the page just mapped; the name is a C string.
    let named = unsafe { libc::prctl(libc::PR_SET_VMA, option, page, len, name) } == 0;
    // SAFETY: the page just mapped.
    unsafe { libc::munmap(page, len) };
    named
}

#[cfg(feature = "serde")]
#[test]
fn statistics_survive_serialisation() {
    let words: Vec<_> = (0..10).map(|_| PerCpu::<AtomicU64>::zeroed().unwrap()).collect();
    let stats = stats().unwrap();
    let text = serde_json::to_string(&stats).unwrap();
    assert_eq!(serde_json::from_str::<percpu_core::Stats>(&text).unwrap(), stats);
    assert!(text.contains("\"contig_bytes\""), "a chunk's fields are in its row");
    drop(words);
}

/// Row NU-02, on machines with several nodes; on others it says little.
#[test]
fn copies_lie_on_their_cpus_node() {
    const MPOL_F_NODE: libc::c_ulong = 1;
    const MPOL_F_ADDR: libc::c_ulong = 2;
    common::in_child("copies_lie_on_their_cpus_node", &[], || {
        config().backing(Backing::Eager).apply().unwrap();
        let pages: Vec<_> = (0..300).map(|_| PerCpu::<Page>::zeroed().unwrap()).collect();
        let topology = info().unwrap().topology();
        let unbound = stats().unwrap().unbound;
        println!("{} nodes, {unbound:?}", topology.nodes().len());
        // A list of nodes is written as one of CPUs. What has no memory gives none, and
        // the statistics tell.
        let has_memory: CpuSet =
            match std::fs::read_to_string("/sys/devices/system/node/has_memory") {
                Ok(nodes) => nodes.parse().unwrap(),
                Err(error) => return println!("no nodes here: {error}"),
            };
        let bare = |node: NodeId| !has_memory.iter().any(|with| with.get() == node.get());
        let mut theirs = topology.possible().iter().filter_map(|cpu| topology.node_of(cpu));
        assert!(unbound.is_some() || !theirs.any(bare));
        for (unit, copy) in pages.iter().step_by(50).flatten() {
            let (mut node, copy) = (-1, std::ptr::from_ref(copy.get()));
            let (none, flags) = (std::ptr::null_mut::<libc::c_ulong>(), MPOL_F_NODE | MPOL_F_ADDR);
            // SAFETY: asks for the node of a page of ours; fills the local.
            let asked = unsafe {
                libc::syscall(libc::SYS_get_mempolicy, &raw mut node, none, 0, copy, flags)
            };
            if asked != 0 {
                return println!("this kernel does not tell: {}", std::io::Error::last_os_error());
            }
            let want = unit.cpu().and_then(|cpu| topology.node_of(cpu));
            if let Some(want) = want.filter(|&node| !bare(node)) {
                assert_eq!(u32::try_from(node), Ok(want.get()), "{unit}");
            }
        }
    });
}
