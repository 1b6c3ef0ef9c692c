//! The layout search against known layouts: those of real boot logs and of
//! worked examples (`data/layout-vectors.json`).

use percpu_core::{Layout, Sizes, Topology};
use serde_json::Value;

fn number(value: &Value) -> usize {
    value.as_u64().expect("a number").try_into().expect("fits an address")
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().expect("an array").iter().map(|n| number(n) as u32).collect()
}

fn sizes(vector: &Value) -> Sizes {
    Sizes::new(number(&vector["static_size"]))
        .reserved(number(&vector["reserved"]))
        .dynamic(number(&vector["dyn_requested"]))
        .dynamic_early_minimum(number(&vector["dyn_early_minimum"]))
        .atom(number(&vector["atom"]))
        .page(number(&vector["page"]))
}

fn topology(vector: &Value) -> Topology {
    let mut machine = Topology::builder().cpus(numbers(&vector["cpus"]));
    for (node, cpus) in (0..).zip(vector["nodes"].as_array().expect("nodes")) {
        machine = machine.node(node, numbers(cpus));
    }
    machine.build().expect("a machine")
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("data/layout-vectors.json")).expect("an array of vectors")
}

#[test]
fn every_known_layout() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 13, "a vector was lost");
    for vector in vectors {
        let name = vector["name"].as_str().expect("a name");
        let machine = topology(&vector);
        let layout = Layout::build(&sizes(&vector), &machine).expect(name);
        let expect = &vector["expect"];
        let check = |found: usize, key: &str| {
            assert_eq!(found, number(&expect[key]), "{key} of {name}");
        };
        check(layout.size_sum(), "size_sum");
        check(layout.dynamic_size(), "dyn");
        check(layout.max_units_per_alloc(), "max_upa");
        check(layout.units_per_alloc(), "upa");
        check(layout.unit_size(), "unit_size");
        check(layout.alloc_size(), "alloc_size");
        check(layout.nr_units(), "nr_units");
        let per_group: Vec<u32> = layout.groups().iter().map(|g| g.nr_units() as u32).collect();
        assert_eq!(per_group, numbers(&expect["units_per_group"]), "units_per_group of {name}");
        assert_eq!(layout.sanity(&machine), Ok(()), "{name}");
    }
}

/// The boot log of a machine with two CPUs, word for word.
#[test]
fn boot_log() {
    let vectors = vectors();
    let layout = Layout::build(&sizes(&vectors[0]), &topology(&vectors[0])).unwrap();
    assert_eq!(
        layout.to_string(),
        "pcpu-alloc: s185496 r0 d31592 u1048576 alloc=1*2097152\npcpu-alloc: [0] 0 1"
    );
    assert_eq!(
        layout.embedded_line().to_string(),
        "Embedded 53 pages/cpu s185496 r0 d31592 u1048576"
    );
}
