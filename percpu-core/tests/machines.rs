//! Pretend machines: many CPUs, sparse ids, CPUs the topology leaves out, and
//! both first chunks. Each in a process of its own.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use percpu_core::atomic::AtomicU64;
use percpu_core::{
    CpuId, Error, FirstChunk, Index, LocalLock, PerCpu, Topology, Unit, config, info, percpu,
};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(3);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
}

/// Counts on statics and dynamic words with 8 threads, locally and remotely.
fn exercise() {
    let each = common::scaled(30_000);
    let units = Unit::all().unwrap().count() as u64;
    let dynamic: Vec<_> = (0..600).map(|_| PerCpu::<AtomicU64>::zeroed().unwrap()).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..each {
                    WORD.inc();
                    dynamic[n as usize % 600].add(2);
                    LOCK.with(|value| *value += 1);
                }
            });
        }
        for unit in Unit::all().unwrap().take(20) {
            *LOCK.lock_on(unit).unwrap() += 1;
        }
    });
    assert_eq!(WORD.sum(), 3 * units + 8 * each);
    assert_eq!(dynamic.iter().map(|word| word.sum()).sum::<u64>(), 16 * each);
    let locked: u64 = Unit::all().unwrap().map(|unit| *LOCK.lock_on(unit).unwrap()).sum();
    assert_eq!(locked, 8 * each + units.min(20));
}

#[test]
fn a_thousand_possible_cpus() {
    common::in_each_mode("a_thousand_possible_cpus", || {
        config().topology(Topology::uniform(1024, 8).unwrap()).apply().unwrap();
        percpu_core::init().unwrap();
        assert_eq!(info().unwrap().units(), 1025);
        WORD.inc();
        assert!(info().unwrap().active_units() <= 2, "only what is used is active");
        WORD.dec();
        exercise();
    });
}

/// The kernel's build without SMP: one copy. Threads on other CPUs work on the
/// shared unit.
#[test]
fn one_possible_cpu() {
    common::in_each_mode("one_possible_cpu", || {
        config().topology(Topology::uniform(1, 1).unwrap()).apply().unwrap();
        assert_eq!(info().unwrap().units(), 2);
        exercise();
        // Which CPU is asked for still matters.
        let mut evaluated = 0;
        let mut unit = |cpu| (evaluated += 1, Unit::try_from(CpuId::new(cpu))).1;
        match info().unwrap().index() {
            Index::Cpu => assert!(WORD.on(unit(0).unwrap()).load() >= 3),
            _ => assert_eq!(unit(0), Err(Error::NoUnitOfCpu { cpu: CpuId::new(0) })),
        }
        assert_eq!(unit(1), Err(Error::UnknownCpu { cpu: CpuId::new(1) }));
        assert_eq!(evaluated, 2);
    });
}

/// `ci/machines.sh` says what its machines are.
#[test]
fn the_topology_is_the_machines() {
    let topology = Topology::detect();
    println!("{topology}");
    for cpu in topology.possible().iter() {
        let node = topology.node_of(cpu).expect("a node for each CPU");
        assert!(topology.cpus_of(node).unwrap().contains(cpu));
    }
    if let Ok(wanted) = std::env::var("PERCPU_TEST_TOPOLOGY") {
        assert_eq!(topology.to_string().replace('\n', "; "), wanted);
    }
}

#[test]
fn sparse_ids_name_their_own_copies() {
    common::in_child("sparse_ids_name_their_own_copies", &[], || {
        let cpus: Vec<u32> = vec![0, 1, 5, 7, 200];
        config().topology(Topology::builder().cpus(cpus.clone()).build().unwrap()).apply().unwrap();
        let ids: Vec<_> = Unit::all().unwrap().filter_map(Unit::cpu).map(CpuId::get).collect();
        assert_eq!(ids, cpus);
        assert!(Unit::try_from(CpuId::new(6)).is_err());
        let word = PerCpu::<AtomicU64>::zeroed().unwrap();
        let at = |cpu| Unit::try_from(CpuId::new(cpu)).unwrap();
        word.on(at(200)).as_atomic().store(9, std::sync::atomic::Ordering::Relaxed);
        for (unit, copy) in &word {
            assert_eq!(copy.load(), if unit == at(200) { 9 } else { 0 }, "{unit}");
        }
        assert_eq!(word.sum(), 9);
        exercise();
    });
}

/// Units go by the order of the CPUs, not by their numbers.
#[test]
fn four_cpus_with_gaps_have_units_0_to_3() {
    common::in_child("four_cpus_with_gaps_have_units_0_to_3", &[], || {
        let machine = Topology::builder().cpus([0, 2, 5, 7]).build().unwrap();
        config().topology(machine).apply().unwrap();
        let layout = info().unwrap().layout();
        let at = |cpu| Unit::try_from(CpuId::new(cpu));
        for (unit, cpu) in [0, 2, 5, 7].into_iter().enumerate() {
            assert_eq!(Unit::all().unwrap().nth(unit), at(cpu).ok());
            assert_eq!(layout.unit_of(CpuId::new(cpu)), Some(unit));
        }
        for cpu in [1, 3, 4, 6, 8].map(CpuId::new) {
            assert_eq!(Unit::try_from(cpu), Err(Error::UnknownCpu { cpu }));
            assert_eq!(layout.unit_of(cpu), None);
        }
        exercise();
    });
}

#[test]
fn a_cpu_the_topology_leaves_out_works_on_the_shared_unit() {
    common::in_child("a_cpu_the_topology_leaves_out_works_on_the_shared_unit", &[], || {
        // Whichever CPUs this machine has, these are others.
        let topology = Topology::builder().cpus([900, 901]).build().unwrap();
        config().topology(topology).apply().unwrap();
        if info().unwrap().mode().is_rseq() {
            WORD.inc();
            assert!(Unit::current().unwrap().is_shared());
            let shared = Unit::all().unwrap().find(|unit| unit.is_shared()).unwrap();
            assert_eq!(WORD.on(shared).load(), 4);
            WORD.dec();
        }
        exercise();
    });
}

#[test]
fn page_and_embed_serve_alike() {
    common::in_child("page_and_embed_serve_alike", &[("PERCPU_ALLOC", "page")], || {
        config().first_chunk(FirstChunk::Embed).apply().unwrap();
        assert_eq!(info().unwrap().first_chunk(), FirstChunk::Page, "the environment wins");
        assert_eq!(info().unwrap().layout().nr_groups(), 1);
        exercise();
    });
}

#[test]
fn embed_is_chosen_by_the_builder() {
    common::in_child("embed_is_chosen_by_the_builder", &[("PERCPU_ALLOC", "nonsense")], || {
        config().first_chunk(FirstChunk::Embed).apply().unwrap();
        let info = info().unwrap();
        assert_eq!(info.first_chunk(), FirstChunk::Embed);
        assert_eq!(info.warnings().len(), 1, "{:?}", info.warnings());
        assert!(info.to_string().contains("PERCPU_ALLOC=nonsense is unknown"));
        exercise();
    });
}

#[test]
fn a_larger_minimum_unit_allows_larger_values() {
    common::in_child("a_larger_minimum_unit_allows_larger_values", &[], || {
        config().minimum_unit(256 << 10).apply().unwrap();
        let big = PerCpu::<[AtomicU64; 32 << 10]>::zeroed().unwrap();
        big.at((32 << 10) - 1).inc();
        assert_eq!(big.at((32 << 10) - 1).sum(), 1);
        exercise();
    });
}

#[test]
fn rseq_can_be_demanded() {
    common::in_child(
        "rseq_can_be_demanded",
        &[("PERCPU_MODE", "rseq")],
        || match percpu_core::init() {
            Ok(()) => assert!(info().unwrap().mode().is_rseq()),
            Err(error) => assert!(matches!(error, percpu_core::Error::NoRseq { .. }), "{error}"),
        },
    );
}

#[test]
fn first_use_may_come_from_many_threads_at_once() {
    common::in_each_mode("first_use_may_come_from_many_threads_at_once", || {
        let start = std::sync::Barrier::new(64);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    start.wait();
                    WORD.inc();
                });
            }
        });
        let units = Unit::all().unwrap().count() as u64;
        assert_eq!(WORD.sum(), 3 * units + 64);
    });
}
