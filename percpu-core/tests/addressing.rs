//! Whose copy lies where, and who sees what is written to it.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use percpu_core::atomic::{AtomicU8, AtomicU64};
use percpu_core::{CpuId, PerCpu, Unit, info, percpu};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(3);
    static WORDS: [AtomicU64; 4] = [const { AtomicU64::new(1) }; 4];
    static BYTE: AtomicU8 = AtomicU8::new(7);
}

fn units() -> impl DoubleEndedIterator<Item = Unit> {
    Unit::all().unwrap()
}

/// What must be added to each unit's offset to reach its copy: the pointer.
fn pointers<T>(copies: &percpu_core::Copies<T>) -> Vec<usize> {
    let pointer = |unit| {
        let address = std::ptr::from_ref(copies.on(unit).get()).addr();
        address.wrapping_sub(Unit::offset(unit))
    };
    units().map(pointer).collect()
}

/// A CPU of this process alone, while `body` runs.
fn on_cpu<R>(cpu: u32, body: impl FnOnce() -> R) -> R {
    let allowed = common::allowed();
    common::set_affinity(1 << cpu);
    let result = body();
    common::set_affinity(allowed);
    result
}

fn cpus() -> impl Iterator<Item = u32> {
    let allowed = common::allowed();
    (0..64).filter(move |cpu| allowed >> cpu & 1 == 1)
}

#[test]
fn a_copy_lies_at_the_pointer_plus_the_units_offset_in_every_chunk() {
    let name = "a_copy_lies_at_the_pointer_plus_the_units_offset_in_every_chunk";
    common::in_each_mode(name, || {
        let offsets: Vec<_> = units().map(Unit::offset).collect();
        let same = |pointers: Vec<usize>| {
            assert!(pointers.iter().all(|&pointer| pointer == pointers[0]), "{pointers:x?}");
            pointers[0]
        };
        let mut found = vec![same(pointers(&WORD)), same(pointers(&WORDS)), same(pointers(&BYTE))];
        let words: Vec<_> = (0..50).map(|_| PerCpu::<AtomicU64>::zeroed().unwrap()).collect();
        found.extend(words.iter().map(|word| same(pointers(word))));
        let large: Vec<_> = (0..100).map(|_| PerCpu::<[u8; 32 << 10]>::zeroed().unwrap()).collect();
        assert!(info().unwrap().chunks() > 1);
        found.extend(large.iter().map(|area| same(pointers(area))));
        let count = found.len();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), count, "each variable has a pointer of its own");
        assert_eq!(units().map(Unit::offset).collect::<Vec<_>>(), offsets, "and nothing moved");
    });
}

#[test]
fn what_is_written_to_one_unit_shows_there_only() {
    let word = PerCpu::<AtomicU64>::zeroed().unwrap();
    for unit in units() {
        word.on(unit).as_atomic().store(9, Relaxed);
        WORDS.on(unit).get()[2].store(9, Relaxed);
        for other in units() {
            let wanted = if other == unit { 9 } else { 0 };
            assert_eq!(word.on(other).load(), wanted, "{unit} seen from {other}");
            let wanted = if other == unit { 9 } else { 1 };
            assert_eq!(WORDS.on(other).get()[2].load(Relaxed), wanted);
        }
        word.on(unit).as_atomic().store(0, Relaxed);
        WORDS.on(unit).get()[2].store(1, Relaxed);
    }
}

#[test]
fn the_hint_is_some_units_copy_and_this_cpus_while_pinned() {
    common::in_each_mode("the_hint_is_some_units_copy_and_this_cpus_while_pinned", || {
        let address = |copy: &AtomicU64| std::ptr::from_ref(copy).addr();
        let copies: Vec<_> = WORD.iter().map(|(_, copy)| address(copy.get())).collect();
        for _ in 0..10_000 {
            assert!(copies.contains(&address(WORD.hint())));
        }
        if !common::by_cpu() {
            if !info().unwrap().mode().is_rseq() {
                // A unit a thread, whatever its CPU.
                assert_eq!(address(WORD.hint()), address(WORD.hint()));
            }
            return;
        }
        for cpu in cpus() {
            let hint = on_cpu(cpu, || address(WORD.hint()));
            let unit = Unit::try_from(CpuId::new(cpu)).unwrap();
            assert_eq!(hint, address(WORD.on(unit).get()), "on CPU {cpu}");
        }
    });
}

#[test]
fn the_current_unit_is_the_cpus_that_a_thread_is_pinned_to() {
    common::in_each_mode("the_current_unit_is_the_cpus_that_a_thread_is_pinned_to", || {
        for cpu in cpus() {
            let unit = on_cpu(cpu, || Unit::current().unwrap());
            match info().unwrap().mode().is_rseq() {
                true if common::by_cpu() => assert_eq!(unit.cpu(), Some(CpuId::new(cpu))),
                true => assert!(unit.cpu().is_none() && !unit.is_shared()),
                // A thread without rseq falls back to a unit that it keeps.
                false => assert_eq!(unit, Unit::current().unwrap()),
            }
        }
    });
}

/// A write through one way to a copy is seen through every other: the optimiser
/// may not take them for different memory. `ci/inject.sh` runs this optimised.
#[test]
fn ways_to_one_copy_are_not_taken_for_different_memory() {
    let cpu = cpus().next().unwrap();
    on_cpu(cpu, || {
        let unit = Unit::current().unwrap();
        for n in 1..1_000 {
            WORD.on(unit).as_atomic().store(n, Relaxed);
            assert_eq!(WORD.hint().load(Relaxed), n, "written remotely, read here");
            WORD.hint().store(n + 1, Relaxed);
            assert_eq!(WORD.load(), n + 1, "written through a reference, read by a section");
            WORD.inc();
            assert_eq!(WORD.on(unit).load(), n + 2, "written by a section, read remotely");
            WORD.store(n + 3);
            assert_eq!(WORD.hint().load(Relaxed), n + 3, "and here");
            let copy: &AtomicU64 = WORD.on(unit).get();
            let before = copy.load(Relaxed);
            WORD.add(5);
            assert_eq!(copy.load(Relaxed), before + 5, "a reference from before");
            WORD.store(3);
        }
    });
}
