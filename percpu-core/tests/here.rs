//! Where a thread runs: the hints of CPU, unit and node.
//!
//! # Safety
//!
//! Plain system calls on the calling thread. A thread that takes its registration
//! from the C library does nothing else and ends.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;

use percpu_core::atomic::AtomicU64;
use percpu_core::{
    CpuId, Error, Mode, NodeId, PerCpu, Registration, Topology, Unit, config, current_cpu,
    current_node, info,
};

fn cpus() -> impl Iterator<Item = u32> {
    let allowed = common::allowed();
    (0..64).filter(move |cpu| allowed >> cpu & 1 == 1)
}

/// What getcpu(2) says: CPU and node.
fn getcpu() -> (u32, u32) {
    let (mut cpu, mut node) = (0_u32, 0_u32);
    let cache = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: fills two locals; the third argument is unused.
    let failed = unsafe { libc::syscall(libc::SYS_getcpu, &raw mut cpu, &raw mut node, cache) };
    assert_eq!(failed, 0);
    (cpu, node)
}

#[test]
fn a_pinned_thread_is_told_its_cpu_and_node() {
    common::in_each_mode("a_pinned_thread_is_told_its_cpu_and_node", || {
        for cpu in cpus() {
            common::set_affinity(1 << cpu);
            assert_eq!(current_cpu(), Ok(CpuId::new(cpu)));
            let (same, node) = getcpu();
            assert_eq!(same, cpu);
            assert_eq!(current_node(), Ok(NodeId::new(node)));
            let unit = Unit::current().unwrap();
            match common::by_cpu() {
                true => assert_eq!(unit.cpu(), Some(CpuId::new(cpu))),
                // A unit of its own or its concurrency id's, wherever it runs.
                false => assert!(!unit.is_shared()),
            }
        }
    });
}

#[test]
fn the_node_is_that_of_the_table() {
    common::in_each_mode("the_node_is_that_of_the_table", || {
        let machine = Topology::builder().cpus(0..64).node(5, (0..64).step_by(2));
        let machine = machine.node(9, (1..64).step_by(2)).build().unwrap();
        config().topology(machine).apply().unwrap();
        for cpu in cpus() {
            common::set_affinity(1 << cpu);
            assert_eq!(current_node(), Ok(NodeId::new(if cpu % 2 == 0 { 5 } else { 9 })));
        }
    });
}

#[test]
fn a_cpu_the_topology_leaves_out_has_no_node() {
    common::in_each_mode("a_cpu_the_topology_leaves_out_has_no_node", || {
        config().topology(Topology::builder().cpus([900]).build().unwrap()).apply().unwrap();
        let cpu = cpus().next().unwrap();
        common::set_affinity(1 << cpu);
        let cpu = CpuId::new(cpu);
        assert_eq!(current_cpu(), Ok(cpu));
        assert_eq!(current_node(), Err(Error::UnknownCpu { cpu }));
    });
}

/// The library registers threads that the C library does not; one that lost its
/// registration works on the shared unit, and is still told its CPU.
#[test]
fn a_thread_without_registration_falls_back() {
    common::in_child("a_thread_without_registration_falls_back", &[], || {
        let word = PerCpu::<AtomicU64>::zeroed().unwrap();
        let from_libc = info().unwrap().mode() == Mode::Rseq(Registration::Libc);
        let shared = Unit::all().unwrap().find(|unit| unit.is_shared());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let cpu = cpus().last().unwrap();
                common::set_affinity(1 << cpu);
                word.inc();
                if !from_libc {
                    return;
                }
                assert!(common::leave_rseq(), "the kernel lets go of libc's area");
                assert_eq!(Unit::current().ok(), shared);
                assert_eq!(current_cpu(), Ok(CpuId::new(cpu)));
                assert_eq!(current_node(), Ok(NodeId::new(getcpu().1)));
                word.inc();
                assert_eq!(word.on(shared.unwrap()).load(), 1);
                assert_eq!(word.sum(), 2);
            });
        });
    });
}
