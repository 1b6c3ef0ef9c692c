//! What holds for every layout, on machines and for sizes at random.
#![cfg(not(miri))]

use percpu_core::{Layout, LayoutError, Sizes, Topology};
use proptest::prelude::*;

/// A machine of up to 300 sparse CPUs on up to 8 nodes; a quarter of the
/// distances are local in one direction or both.
fn machines() -> impl Strategy<Value = Topology> {
    let cpus = prop::collection::btree_map(0u32..1_000, 0u32..8, 1..300);
    let distance = prop_oneof![1 => Just(10u32), 3 => 11u32..40];
    let distances = prop::collection::vec(distance, 64);
    (cpus, distances).prop_map(|(cpus, distances)| {
        let mut machine = Topology::builder().cpus(cpus.keys().copied());
        for node in 0..8 {
            machine = machine.node(node, []);
        }
        for (&cpu, &node) in &cpus {
            machine = machine.node(node, [cpu]);
        }
        for (index, &distance) in (0u32..).zip(&distances) {
            let (from, to) = (index / 8, index % 8);
            if from != to {
                machine = machine.distance_one_way(from, to, distance);
            }
        }
        machine.build().expect("a machine")
    })
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let parts = (1usize..4 << 20, 0usize..64 << 10, 0usize..256 << 10);
    (parts, 12u32..17, 0u32..11, any::<bool>()).prop_map(|(parts, page, atom, old)| {
        let (static_size, reserved, dynamic) = parts;
        let sizes = Sizes::new(static_size)
            .reserved(reserved / 4 * 4)
            .dynamic(dynamic)
            .page(1 << page)
            .atom(1 << (page + atom));
        if old { sizes.dynamic_early_minimum(12 << 10) } else { sizes }
    })
}

/// Any number at all, powers of two and their neighbours more often.
fn wild() -> impl Strategy<Value = usize> {
    prop_oneof![
        any::<usize>(),
        (0u32..usize::BITS).prop_map(|shift| 1 << shift),
        (0u32..usize::BITS, 0usize..10)
            .prop_map(|(shift, less)| (1usize << shift).wrapping_sub(less)),
        0usize..1 << 20,
    ]
}

proptest! {
    #[test]
    fn every_layout_keeps_the_rules(sizes in sizes(), machine in machines()) {
        let layout = Layout::build(&sizes, &machine).expect("sizes are moderate");
        prop_assert_eq!(layout.sanity(&machine), Ok(()));
        let (cpus, units) = (machine.possible().len(), layout.nr_units());

        // Three quarters of the units are used; the wasted ones are a third of
        // the CPUs at most.
        prop_assert_eq!(layout.wasted_units(), units - cpus);
        prop_assert!(layout.wasted_units() <= cpus / 3);
        prop_assert!(cpus * 4 >= units * 3);

        // Units are whole pages and share an allocation without rest.
        let upa = layout.units_per_alloc();
        prop_assert!(layout.unit_size().is_multiple_of(layout.page_size()));
        prop_assert!(layout.unit_size() >= layout.size_sum());
        prop_assert!(layout.alloc_size().is_multiple_of(upa));
        prop_assert_eq!(layout.unit_size() * upa, layout.alloc_size());
        prop_assert!(layout.alloc_size().is_multiple_of(layout.atom_size()));
        prop_assert!(upa <= layout.max_units_per_alloc());

        // The parts lie one after the other.
        prop_assert!(layout.static_range().end <= layout.reserved_range().start);
        prop_assert_eq!(layout.reserved_range().len(), layout.reserved_size());
        prop_assert!(layout.reserved_range().end <= layout.dynamic_range().start);

        // Each possible CPU has one unit, and no other CPU has any.
        for id in 0..1_001 {
            let cpu = percpu_core::CpuId::new(id);
            let unit = layout.unit_of(cpu);
            prop_assert_eq!(unit.is_some(), machine.possible().contains(cpu));
            if let Some(unit) = unit {
                prop_assert_eq!(layout.cpu_of(unit), Some(cpu));
            }
        }
        let mapped = (0..units).filter(|&unit| layout.cpu_of(unit).is_some()).count();
        prop_assert_eq!(mapped, cpus);

        // Units are disjoint and inside the span.
        let mut offsets: Vec<usize> =
            machine.possible().iter().map(|cpu| layout.unit_offset(cpu).unwrap()).collect();
        offsets.sort_unstable();
        prop_assert!(offsets.windows(2).all(|w| w[1] - w[0] >= layout.unit_size()));
        prop_assert!(offsets.last().unwrap() + layout.unit_size() <= layout.span());

        // Groups start on atoms, hold whole allocations, and ascend.
        for group in layout.groups() {
            prop_assert!(group.base_offset().is_multiple_of(layout.atom_size()));
            prop_assert!(group.nr_units().is_multiple_of(upa));
            let cpus: Vec<_> = group.cpus().collect();
            prop_assert!(!cpus.is_empty() && cpus.is_sorted());
            prop_assert_eq!(group.cpu_map().iter().take_while(|slot| slot.is_some()).count(), cpus.len());
            prop_assert_eq!(Some(group.node()), machine.node_of(cpus[0]));
            // Everyone is near the seed, both ways.
            for &cpu in &cpus {
                let node = machine.node_of(cpu).unwrap();
                prop_assert_eq!(machine.distance(group.node(), node), 10);
                prop_assert_eq!(machine.distance(node, group.node()), 10);
            }
        }

        // Every CPU is in the dump, and no line is longer than it must be.
        let dump = layout.to_string();
        let shown = dump.lines().skip(1).flat_map(|line| line.split(' ').skip(1))
            .filter(|word| word.parse::<u32>().is_ok()).count();
        prop_assert_eq!(shown, cpus);
    }

    #[test]
    fn wild_sizes_are_an_error_or_a_layout(
        parts in (wild(), wild(), wild(), wild()),
        rules in (wild(), wild(), wild()),
        cpus in 1u32..5_000,
    ) {
        let (static_size, reserved, dynamic, early) = parts;
        let (atom, page, minimum_unit) = rules;
        let sizes = Sizes::new(static_size).reserved(reserved).dynamic(dynamic)
            .dynamic_early_minimum(early).atom(atom).page(page).minimum_unit(minimum_unit);
        let machine = Topology::uniform(cpus, 1).unwrap();
        match Layout::build(&sizes, &machine) {
            Ok(layout) => {
                prop_assert_eq!(layout.sanity(&machine), Ok(()));
                prop_assert!(layout.wasted_units() <= cpus as usize / 3);
                prop_assert!(isize::try_from(layout.span()).is_ok());
                let _ = layout.to_string();
            }
            Err(error) => prop_assert!(error.to_string().contains(": "), "{}", error),
        }
    }

    #[test]
    fn huge_atoms_take_no_time(shift in 12u32..usize::BITS - 1, cpus in 1u32..64) {
        let sizes = Sizes::new(3 << 20).atom(1 << shift);
        match Layout::build(&sizes, &Topology::uniform(cpus, 1).unwrap()) {
            Ok(layout) => prop_assert!(layout.wasted_units() <= cpus as usize / 3),
            Err(error) => {
                let overflow = matches!(error, LayoutError::SpanOverflow { .. } | LayoutError::UnitOverflow);
                prop_assert!(overflow, "{}", error);
            }
        }
    }
}
