//! Any text is a list of CPUs or an error, and a list survives being printed and
//! read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use percpu_core::{CpuSet, Topology};

fuzz_target!(|text: &str| {
    let set: CpuSet = match text.parse() {
        Ok(set) => set,
        Err(error) => {
            let error: percpu_core::CpuListError = error;
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(set.last().is_none_or(|cpu| cpu.get() <= CpuSet::MAX_ID));
    let printed = set.to_string();
    assert_eq!(printed.parse::<CpuSet>().as_ref(), Ok(&set), "{printed}");

    let machine = Topology::builder().cpus(set.iter().map(u32::from)).build();
    match machine {
        Ok(machine) => {
            assert_eq!(machine.possible(), &set);
            assert_eq!(machine.nr_cpu_ids(), set.last().map_or(0, |cpu| cpu.index() + 1));
            assert!(!machine.to_string().is_empty());
        }
        Err(_) => assert!(set.is_empty()),
    }
});
