//! Any sizes on any machine: an error, or a layout that keeps every rule.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::{CpuId, Layout, Sizes, Topology};

#[derive(Arbitrary, Debug)]
struct Input {
    parts: [usize; 4],
    /// Shifts as often as numbers, or hardly any input would pass the checks.
    page: Size,
    atom: Size,
    minimum_unit: Size,
    cpus: Vec<(u16, u8)>,
    distances: Vec<(u8, u8, u8)>,
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Size {
    Default,
    Shift(u8),
    Bytes(usize),
}

impl Size {
    fn or(self, default: usize) -> usize {
        match self {
            Size::Default => default,
            Size::Shift(shift) => 1 << (u32::from(shift) % usize::BITS),
            Size::Bytes(bytes) => bytes,
        }
    }
}

fuzz_target!(|input: Input| {
    let mut machine = Topology::builder();
    let mut homes = std::collections::BTreeMap::new();
    for &(cpu, node) in input.cpus.iter().take(512) {
        homes.entry(u32::from(cpu)).or_insert(u32::from(node) % 16);
    }
    for (&cpu, &node) in &homes {
        machine = machine.cpus([cpu]).node(node, [cpu]);
    }
    for &(from, to, distance) in &input.distances {
        let (from, to) = (u32::from(from) % 16, u32::from(to) % 16);
        machine = machine.distance_one_way(from, to, u32::from(distance));
    }
    let Ok(machine) = machine.build() else { return };

    let [static_size, reserved, dynamic, early] = input.parts;
    let sizes = Sizes::new(static_size)
        .reserved(reserved)
        .dynamic(dynamic)
        .dynamic_early_minimum(early)
        .page(input.page.or(4 << 10))
        .atom(input.atom.or(2 << 20))
        .minimum_unit(input.minimum_unit.or(32 << 10));
    let layout = match Layout::build(&sizes, &machine) {
        Ok(layout) => layout,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };

    assert_eq!(layout.sanity(&machine), Ok(()));
    let (cpus, units, upa) = (homes.len(), layout.nr_units(), layout.units_per_alloc());
    assert!(layout.wasted_units() <= cpus / 3 && cpus * 4 >= units * 3);
    assert!(layout.unit_size().is_multiple_of(layout.page_size()));
    assert_eq!(layout.unit_size() * upa, layout.alloc_size());
    assert!(isize::try_from(layout.span()).is_ok());
    let mut offsets: Vec<usize> = machine
        .possible()
        .iter()
        .map(|cpu| {
            let unit = layout.unit_of(cpu).expect("every possible CPU has a unit");
            assert_eq!(layout.cpu_of(unit), Some(cpu));
            layout.unit_offset(cpu).expect("every possible CPU has an offset")
        })
        .collect();
    offsets.sort_unstable();
    assert!(offsets.windows(2).all(|pair| pair[1] - pair[0] >= layout.unit_size()));
    for &cpu in homes.keys() {
        let next = CpuId::new(cpu + 1);
        assert_eq!(layout.unit_of(next).is_some(), machine.possible().contains(next));
    }
    assert!(layout.to_string().starts_with("pcpu-alloc: s"));
});
