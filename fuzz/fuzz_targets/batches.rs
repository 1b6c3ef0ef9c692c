//! Items that gather on several CPUs until they are a batch, against a list a CPU: each
//! goes on once, with those that came to its CPU since the last batch.

#![no_main]

use std::collections::HashMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::Unit;
use percpu_fuzz::{here, run_on, units};
use percpu_slab::raw::Batches;

#[derive(Arbitrary, Debug)]
struct Input {
    batch: u8,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Push(u8),
    Drain(u8),
    Flush,
}

/// What waits; of every unit together where units are not CPUs.
type Waiting = HashMap<Option<Unit>, Vec<u64>>;

/// They go on: all of a unit's, or, where nobody knows the unit, some of all.
fn go_on(waiting: &mut Waiting, unit: Option<Unit>, batch: &[u64]) {
    let theirs = waiting.entry(unit).or_default();
    let before = theirs.len();
    theirs.retain(|item| !batch.contains(item));
    assert_eq!(before - theirs.len(), batch.len(), "twice, or of elsewhere");
    assert!(unit.is_none() || theirs.is_empty(), "some were left");
}

fuzz_target!(|input: Input| {
    run_on(0);
    let size = usize::from(input.batch);
    let batches = match Batches::new(size) {
        Ok(batches) => batches,
        Err(error) => {
            assert!(!(2..=60).contains(&size) && !error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(batches.batch(), size);
    let units = units();
    // Units are CPUs, or they are not, for as long as the process lives.
    let by_cpu = here().is_some();
    let (mut waiting, mut next) = (Waiting::new(), 0);
    for &step in input.steps.iter().take(256) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Push(n) => {
                for _ in 0..=n % 64 {
                    let unit = here();
                    waiting.entry(unit).or_default().push(next);
                    let full = waiting[&unit].len() == size;
                    let mut handed = 0;
                    batches.push(next, |batch| {
                        go_on(&mut waiting, unit, batch);
                        handed = batch.len();
                    });
                    assert!(!by_cpu || handed == if full { size } else { 0 });
                    next += 1;
                }
            }
            Step::Drain(nth) => {
                let unit = units[usize::from(nth) % units.len()];
                let handed =
                    batches.drain(unit, |batch| go_on(&mut waiting, by_cpu.then_some(unit), batch));
                handed.expect("a fence");
                let left = waiting.get(&Some(unit)).map_or(0, Vec::len);
                assert!(!by_cpu || left == 0, "{left} were left");
            }
            Step::Flush => {
                let handed = batches.flush(|batch| {
                    let theirs = waiting.iter().find(|(_, all)| all.contains(&batch[0]));
                    let unit = *theirs.expect("it waits").0;
                    go_on(&mut waiting, unit, batch);
                });
                handed.expect("a fence");
                assert!(waiting.values().all(Vec::is_empty) && batches.is_empty());
            }
        }
        assert_eq!(batches.len(), waiting.values().map(Vec::len).sum::<usize>());
    }
});
