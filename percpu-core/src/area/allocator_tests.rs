//! The whole allocator on pretend machines. Backing is eager where a test says
//! so: rows about populated pages are shown there.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::pretend_machine::{Dice, Rig, SPACE};
use super::request::{Region, Request};
use super::stats::ChunkKind;
use super::{Balanced, LayoutError};
use crate::config::{Backing, Config, FirstChunk};
use crate::error::Error;
use crate::sys::pretend::{Call, Pretend};
use crate::sys::topology::{NodeId, Topology};

pub(super) fn eager() -> Config {
    Config::default().backing(Backing::Eager)
}

pub(super) fn two_cpus() -> Topology {
    Topology::uniform(2, 1).unwrap()
}

fn one_page() -> Request {
    Request::dynamic(4096, 4096)
}

/// Machines of 1 to 4096 CPUs, 1 to 128 nodes, sparse ids, and distances that
/// differ by direction.
fn machines() -> Vec<Topology> {
    let skewed = |nodes: u32| {
        let mut machine = Topology::builder().cpus(0..nodes * 4);
        for node in 0..nodes {
            machine = machine.node(node, node * 4..node * 4 + 4);
        }
        let skew =
            |from: u32, to: u32| if from == to { 10 } else { 10 + u32::from(from > to) * 11 };
        for (from, to) in (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to))) {
            machine = machine.distance_one_way(from, to, skew(from, to));
        }
        machine.build().unwrap()
    };
    let uniform = |cpus, nodes| Topology::uniform(cpus, nodes).unwrap();
    vec![
        uniform(1, 1),
        uniform(2, 1),
        uniform(3, 1),
        uniform(64, 1),
        uniform(64, 4),
        Topology::builder().cpus([0, 2, 5, 7]).build().unwrap(),
        Topology::builder().cpus((0..40).map(|n| n * 7)).build().unwrap(),
        skewed(2),
        skewed(16),
        uniform(512, 128),
        uniform(4096, 1),
        uniform(4096, 128),
    ]
}

/// Units start at pages, so an area at a multiple of two of them is not so in each unit.
#[test]
fn an_alignment_over_a_page_is_refused_whatever_lies_on_a_shelf() {
    let mut rig = Rig::new(&Config::default(), &two_cpus());
    for _ in 0..8 {
        rig.alloc(Request::dynamic(8, 4096)).unwrap();
    }
    rig.free_all();
    assert!(rig.memory.stats(2).front_cached > 0);
    for unit in 0..rig.units.len() as u32 {
        for _ in 0..8 {
            let answer = rig.memory.alloc(Request::dynamic(8, 8192), unit);
            assert!(matches!(answer, Err(Error::Alignment { .. })), "{answer:?}");
        }
    }
}

/// Rows CA-01, DA-01, DA-02, DA-06 (I1 to I6), DA-10, AD-06 and HP-01.
#[test]
fn machines_of_every_shape_serve_alike() {
    for (nth, machine) in machines().iter().enumerate() {
        for config in [Config::default(), eager(), Config::default().first_chunk(FirstChunk::Page)]
        {
            let mut rig = Rig::new(&config, machine);
            let before = rig.backed();
            let mut dice = Dice(nth as u64 + 1);
            let steps = if machine.possible().len() > 100 { 60 } else { 600 };
            for _ in 0..4 {
                rig.churn(&mut dice, steps);
                rig.check();
                rig.memory.balance();
                rig.check();
            }
            rig.free_all();
            rig.memory.balance();
            rig.check();
            let stats = rig.memory.stats(3);
            assert_eq!((stats.nr_cur_alloc, stats.front_cached), (0, 0), "{machine}");
            assert!(stats.nr_chunks <= 2, "the first and one free chunk, {machine}");
            // What is left is what was there, the pages of the first chunk that
            // were touched, and four idle pages.
            let first = stats.dyn_size / 4096 + 4;
            let now = rig.backed();
            assert!(
                now <= before + first * rig.units.len(),
                "{now} for {before}, {machine}\n{stats}"
            );
        }
    }
}

/// Rows DA-08 and FB-05.
#[test]
fn a_request_that_may_not_wait_makes_no_call() {
    let mut rig = Rig::new(&eager(), &two_cpus());
    let hurried = Request { blocking: false, ..one_page() };
    while rig.alloc(hurried).is_ok() {}
    let before = rig.system.state().calls.len();
    assert_eq!(rig.alloc(hurried).unwrap_err(), Error::WouldBlock { size: 4096 });
    assert_eq!(rig.system.state().calls.len(), before, "the system was not asked");
    assert!(rig.memory.is_due());
    let done = rig.memory.balance();
    assert_eq!(done.pages_populated, 4, "brought up for the next");
    let before = rig.system.state().calls.len();
    for _ in 0..4 {
        rig.alloc(hurried).unwrap();
    }
    assert!(rig.alloc(hurried).is_err());
    assert_eq!(rig.system.state().calls.len(), before);
    rig.check();
}

/// Row DA-09.
#[test]
fn after_balance_two_to_four_pages_are_idle() {
    let mut rig = Rig::new(&eager(), &two_cpus());
    let mut dice = Dice(9);
    for _ in 0..30 {
        rig.churn(&mut dice, 40);
        rig.memory.balance();
        let idle = rig.memory.stats(2).empty_pop_pages;
        // A chunk keeps its idle pages while they are less than a quarter of it.
        let quarter = rig.memory.layout().unit_size() / 4096 / 4;
        assert!((2..=4 + quarter).contains(&idle), "{idle} idle pages");
    }
    rig.free_all();
    rig.memory.balance();
    while rig.alloc(one_page()).is_ok_and(|_| rig.memory.stats(2).empty_pop_pages > 0) {}
    rig.memory.balance();
    assert_eq!(rig.memory.stats(2).empty_pop_pages, 4);
}

/// Row DA-10.
#[test]
fn of_three_chunks_one_is_left() {
    let mut rig = Rig::new(&eager(), &two_cpus());
    let start = rig.backed();
    while rig.chunks() < 4 {
        rig.alloc(Request::dynamic(32 << 10, 4096)).unwrap();
    }
    rig.free_all();
    assert!(rig.chunks() <= 3, "frees took their share");
    rig.memory.balance();
    assert_eq!(rig.chunks(), 2, "the first one, and one free chunk");
    assert!(rig.backed() <= start + 4 * 3, "four idle pages in three units at most");
    rig.check();
}

/// Row DA-11.
#[test]
fn pages_are_backed_at_first_use_in_all_units() {
    let mut rig = Rig::new(&eager(), &Topology::uniform(5, 1).unwrap());
    while rig.chunks() < 2 {
        rig.alloc(one_page()).unwrap();
    }
    let before = rig.backed();
    rig.alloc(one_page()).unwrap();
    assert_eq!(rig.backed(), before + 6, "a page in five CPUs' units and the shared one");
    let before = rig.backed();
    rig.alloc(Request::dynamic(2000, 4096)).unwrap();
    let first = rig.backed();
    rig.alloc(Request::dynamic(2000, 2048)).unwrap();
    assert_eq!((first - before, rig.backed()), (6, first), "the second lies in the same page");
}

/// Row DA-12.
#[test]
fn a_chunk_three_quarters_free_gives_its_pages_back_and_is_used_last() {
    let mut rig = Rig::new(&eager(), &two_cpus());
    let pages = rig.memory.layout().unit_size() / 4096;
    while rig.chunks() < 4 {
        rig.alloc(one_page()).unwrap();
    }
    // The areas of the second chunk but the last quarter of its pages.
    // Chunks lie the lower the later they came; the fourth has room.
    let bases: Vec<_> = rig.memory.index.lock().by_address.iter().map(|row| row.0).collect();
    let [_, third, second, _] = bases[..] else { panic!("four chunks") };
    let end = second + pages * 4096;
    let (mut freed, before) = (0, rig.backed());
    for nth in (0..rig.live.len()).rev() {
        let at = rig.copy(0, rig.live[nth].pointer);
        // And some pages of the third, so that there are idle ones elsewhere.
        if (second..end - pages / 4 * 4096).contains(&at) || (third..third + 0x8000).contains(&at) {
            rig.free(nth);
            freed += 1;
        }
    }
    rig.memory.balance();
    rig.check();
    assert!(before - rig.backed() >= (freed - 8) * 3, "freed {freed} pages");
    let row = |rig: &Rig| rig.memory.stats(2).chunks[2].clone();
    assert_eq!(row(&rig).kind, ChunkKind::Isolated, "sidelined");
    // The room of the others is used before the sidelined chunk's.
    let used = row(&rig).stats.nr_alloc;
    while row(&rig).stats.nr_alloc == used {
        rig.alloc(one_page()).unwrap();
    }
    let stats = rig.memory.stats(2);
    assert!([0, 1].map(|nth| stats.chunks[nth].stats.contig_bytes) == [0, 0], "they are full");
    assert_eq!(rig.chunks(), 4);
    assert_eq!(row(&rig).kind, ChunkKind::Dynamic);
    rig.check();
}

/// Row DA-15.
#[test]
fn a_free_does_not_wait_for_a_thread_that_populates() {
    let mut rig = Rig::new(&eager(), &two_cpus());
    while rig.chunks() < 3 {
        rig.alloc(one_page()).unwrap();
    }
    let (inside, is_inside) = channel();
    let (go_on, may_go_on) = channel::<()>();
    rig.system.ask(move |call| {
        if matches!(call, Call::Populate(_)) && inside.send(()).is_ok() {
            may_go_on.recv_timeout(Duration::from_secs(60)).ok();
        }
        Ok(())
    });
    let memory = &rig.memory;
    let pointers: Vec<_> = rig.live.iter().map(|live| live.pointer).collect();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| memory.alloc(one_page(), 0));
        is_inside.recv_timeout(Duration::from_secs(60)).expect("it populates");
        // A chunk and a half become free: much to give back, none of it here.
        for &pointer in &pointers {
            memory.free(pointer, 4096, 0);
        }
        assert!(!slow.is_finished(), "it still waits for the system");
        drop(is_inside);
        drop(go_on);
        let slow = slow.join().unwrap().unwrap();
        memory.free(slow.pointer, 4096, 0);
    });
    rig.live.clear();
    rig.memory.balance();
    assert_eq!(rig.chunks(), 2);
    rig.check();
}

/// Rows DA-07 and FC-02: the reserved region serves its own and nobody else.
#[test]
fn the_reserved_region_serves_its_own_requests() {
    let mut rig = Rig::new(&Config::default().reserved(6000), &two_cpus());
    let range = rig.memory.layout().reserved_range();
    let (start, base) = (rig.units[0] + range.start, rig.units[0]);
    let reserved = Request { region: Region::Reserved, ..Request::dynamic(1000, 8) };
    for _ in 0..6 {
        let live = rig.alloc(reserved).unwrap();
        assert!((start..base + range.end).contains(&rig.copy(0, live.pointer)));
    }
    assert_eq!(rig.alloc(reserved).unwrap_err(), Error::ReservedFull { size: 1000 });
    let other = rig.alloc(Request::dynamic(1000, 8)).unwrap();
    assert!(rig.copy(0, other.pointer) >= base + range.end);
    // Statics of a library go there too, and elsewhere when it is full.
    let statics = rig.alloc(Request::section(2000, 4096)).unwrap();
    assert!(rig.copy(0, statics.pointer) >= base + range.end);
    let first = rig.live[0].pointer;
    rig.live.remove(0);
    rig.memory.free(first, 1000, 0);
    assert_eq!(rig.alloc(reserved).unwrap().pointer, first);
    rig.check();
}

/// Rows ST-01, ST-02 and ST-03.
#[test]
fn statistics_after_a_scripted_load() {
    let mut rig = Rig::new(&eager(), &Topology::uniform(3, 1).unwrap());
    for size in [8, 100, 24, 4, 2000] {
        rig.alloc(Request::dynamic(size, 4)).unwrap();
    }
    rig.free(1);
    rig.free(0);
    assert!(rig.alloc(Request::dynamic(64 << 10, 4)).is_err());
    let stats = rig.memory.stats(2);
    assert_eq!((stats.nr_alloc, stats.nr_dealloc, stats.nr_cur_alloc), (5, 2, 3));
    assert_eq!((stats.nr_max_alloc, stats.front_cached, stats.alloc_failures), (5, 1, 1));
    assert_eq!((stats.nr_chunks, stats.nr_max_chunks), (1, 1));
    assert_eq!((stats.min_alloc_size, stats.max_alloc_size), (4, 2000));
    let pages = rig.memory.layout().size_sum() / 4096;
    assert_eq!((stats.populated_pages, stats.backing_bytes), (pages, pages * 4 * 4096));
    assert_eq!(stats.backing_bytes, rig.backed() * 4096, "as the system says");
    let row = &stats.chunks[0];
    assert_eq!((row.kind, row.stats.nr_alloc), (ChunkKind::First, 4), "one is on a shelf");
    assert_eq!((row.stats.sum_frag, row.stats.max_frag), (100, 100));
    assert_eq!((row.stats.cur_min_alloc, row.stats.cur_max_alloc), (4, 2000));
    assert_eq!(stats.chunks[1].kind, ChunkKind::Reserved);
    assert_eq!(stats.unbound, None);
    let index = rig.memory.index.lock();
    let maps = index.set.iter().map(|(_, chunk)| chunk.metadata_bytes()).sum::<usize>();
    drop(index);
    let (shelves, own) = (rig.memory.front.stats().metadata, size_of_val(&rig.memory));
    assert_eq!(stats.metadata_bytes, maps + shelves + own);

    // From a shelf, most of them.
    for _ in 0..100 {
        rig.alloc(Request::dynamic(8, 4)).unwrap();
        rig.free(3);
    }
    let stats = rig.memory.stats(2);
    assert_eq!((stats.nr_alloc, stats.nr_dealloc, stats.nr_cur_alloc), (105, 102, 3));

    while rig.chunks() < 3 {
        rig.alloc(one_page()).unwrap();
    }
    let stats = rig.memory.stats(2);
    assert_eq!(stats.backing_bytes, rig.backed() * 4096, "as the system says");
    rig.free_all();
    assert_eq!(rig.memory.balance().chunks_released, 0, "frees gave it back already");
    let stats = rig.memory.stats(2);
    assert_eq!((stats.nr_cur_alloc, stats.nr_chunks, stats.nr_max_chunks), (0, 2, 3));
    assert_eq!(stats.backing_bytes, rig.backed() * 4096, "as the system says");
    assert!(stats.to_string().contains("nr_max_chunks       :            3"));
    let chunk = "\nChunk: <- First Chunk\n  nr_alloc            :";
    assert!(stats.to_string().contains(chunk), "{stats}");
    assert_eq!(rig.memory.balance(), Balanced::default(), "nothing is left to do");
}

/// Rows FC-09 and NU-02.
#[test]
fn each_group_is_bound_to_the_node_of_its_first_cpu() {
    let machine = Topology::uniform(8, 4).unwrap();
    let mut rig = Rig::new(&Config::default(), &machine);
    while rig.chunks() < 2 {
        rig.alloc(one_page()).unwrap();
    }
    let mut state = rig.system.state();
    state.bound.sort_by_key(|(range, _)| range.start);
    let bases: Vec<_> = state.spans.keys().copied().collect();
    let groups = rig.memory.layout().groups();
    let want: Vec<_> = bases
        .iter()
        .flat_map(|base| groups.iter().map(move |group| (base + group.base_offset(), group)))
        .map(|(start, group)| {
            (start..start + group.nr_units() * rig.memory.layout().unit_size(), group.node())
        })
        .collect();
    assert_eq!(want.len(), 8, "four nodes, two chunks");
    assert_eq!(state.bound, want);
    // Each CPU's copy lies where its node's memory is.
    for (unit, cpu) in machine.possible().iter().enumerate() {
        let bound = state.bound.iter().find(|(range, _)| range.contains(&rig.units[unit]));
        assert_eq!(bound.map(|(_, node)| *node), machine.node_of(cpu));
    }
    drop(state);
    let config = Config::default().bind_to_nodes(false);
    assert!(Rig::new(&config, &machine).system.state().bound.is_empty());
    let one_node: Vec<NodeId> = two_cpus().nodes().collect();
    assert_eq!(one_node.len(), 1);
    assert!(Rig::new(&Config::default(), &two_cpus()).system.state().bound.is_empty());
}

/// Row FC-11: neither tails of units nor CPUs that do not exist are backed.
#[test]
fn only_what_is_used_of_the_first_chunk_is_backed() {
    for cpus in [1, 2, 13, 64] {
        let rig = Rig::new(&eager(), &Topology::uniform(cpus, 1).unwrap());
        let pages = rig.memory.layout().size_sum() / 4096;
        assert_eq!(rig.backed(), (cpus as usize + 1) * pages, "{cpus} CPUs and the shared unit");
        assert!(rig.memory.layout().unit_size() / 4096 > pages, "there is a tail");
    }
    let lazy = Rig::new(&Config::default(), &two_cpus());
    assert_eq!(lazy.backed(), 0, "lazily none");
    let pages = lazy.memory.layout().size_sum();
    assert_eq!([1, 2].map(|active| lazy.memory.stats(active).backing_bytes), [pages, 2 * pages]);
}

/// Row FC-10: 100 MiB of addresses are too few for 64 units grouped by node.
#[test]
fn embed_gives_way_to_page_where_addresses_are_few() {
    let machine = Topology::uniform(64, 64).unwrap();
    let space = 100 << 20;
    let embed = Config::default().first_chunk(FirstChunk::Embed);
    let refused = Rig::on(Pretend::new(space), &embed, &machine).map(drop).unwrap_err();
    assert!(matches!(refused, Error::Layout(LayoutError::TooFarApart { .. })), "{refused}");
    let rig = Rig::on(Pretend::new(space), &Config::default(), &machine).unwrap();
    assert_eq!(rig.memory.layout().nr_groups(), 1, "page by page");
    assert!(Rig::on(Pretend::new(SPACE), &embed, &machine).is_ok());
    // Below three quarters, though it would just fit: the kernel's rule.
    let span = Rig::new(&embed, &machine).system.state().spans.values().sum::<usize>();
    assert!(Rig::on(Pretend::new(span + (4 << 20)), &embed, &machine).is_err());
    assert!(Rig::on(Pretend::new(span * 2), &embed, &machine).is_ok());
}

#[test]
fn huge_backing_is_whole_chunks() {
    let mut rig = Rig::new(&Config::default().backing(Backing::Huge), &two_cpus());
    let chunk = 3 * rig.memory.layout().unit_size() / 4096;
    assert_eq!(rig.backed(), chunk);
    while rig.chunks() < 3 {
        rig.alloc(one_page()).unwrap();
    }
    assert_eq!(rig.backed(), 3 * chunk);
    let later = rig.memory.stats(2).chunks.into_iter().filter(|row| row.kind == ChunkKind::Dynamic);
    assert_eq!(later.map(|row| row.populated_pages).collect::<Vec<_>>(), [chunk / 3; 2]);
    rig.free_all();
    rig.memory.balance();
    assert_eq!(rig.chunks(), 2);
    rig.check();
}
