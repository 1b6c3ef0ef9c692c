//! `model::Fuzz`: runs of one thread whose faults are bytes.
//!
//! ```sh
//! RUSTFLAGS='--cfg percpu_loom --cfg percpu_plain' cargo test -p percpu-core --test model_fuzz
//! ```
#![cfg(all(percpu_loom, percpu_plain))]

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Instant;

use percpu_core::atomic::AtomicU64;
use percpu_core::model::Fuzz;
use percpu_core::{LocalLock, PerCpu, PerCpuStack, Unit, percpu};
use proptest::prelude::*;

/// After so many chances: interrupted, and aborted.
const fn interrupted_after(chances: u8) -> u8 {
    chances << 2 | 0b10
}

/// Whatever a fuzzer finds: no addition is lost, by interrupts or by whom they interrupt.
fn counts(program: &[u8], faults: &[u8]) {
    Fuzz::new(faults).cpus(3).run(|machine| {
        let word = Rc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let added = Rc::new(Cell::new(0));
        let (theirs, also) = (Rc::clone(&word), Rc::clone(&added));
        machine.on_interrupt(move |byte| {
            theirs.add(byte.into());
            also.set(also.get() + u64::from(byte));
        });
        for &step in program {
            machine.on(u32::from(step) % machine.cpus(), || word.add(step.into()));
            added.set(added.get() + u64::from(step));
        }
        assert_eq!(word.sum(), added.get(), "lost or twice");
    });
}

/// What is on stacks, and what came off, is what went in.
fn hands_out_once(program: &[u8], faults: &[u8]) {
    Fuzz::new(faults).cpus(2).run(|machine| {
        let stack = Rc::new(PerCpuStack::<usize>::with_capacity(4).unwrap());
        let out = Rc::new(RefCell::new(vec![]));
        let next = Rc::new(Cell::new(1));
        let step = {
            let (stack, out, next) = (Rc::clone(&stack), Rc::clone(&out), Rc::clone(&next));
            // Nothing of the test's own is half done where a fault may come.
            move |byte: u8| {
                let came = match byte % 2 {
                    0 => {
                        let item = next.replace(next.get() + 1);
                        stack.push(item).is_err().then_some(item)
                    }
                    _ => stack.pop(),
                };
                out.borrow_mut().extend(came);
            }
        };
        machine.on_interrupt(step.clone());
        for &byte in program {
            machine.on(u32::from(byte / 2) % machine.cpus(), || step(byte));
        }
        machine.on_interrupt(|_| ());
        let mut all = out.take();
        stack.drain(|_, item| all.push(item)).unwrap();
        all.sort_unstable();
        assert!(all.iter().copied().eq(1..next.get()), "lost or twice: {all:?}");
    });
}

proptest! {
    // Nothing is kept: what fails is a mutation's.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_bytes_lose_an_addition(program: Vec<u8>, faults: Vec<u8>) {
        counts(&program, &faults);
    }

    #[test]
    fn no_bytes_lose_an_item(program: Vec<u8>, faults: Vec<u8>) {
        hands_out_once(&program, &faults);
    }
}

/// Each byte: the first says how many chances pass and what happens, the second is for the
/// interrupt.
#[test]
fn a_byte_is_for_one_chance() {
    let run = |faults: &[u8]| {
        Fuzz::new(faults).run(|machine| {
            let word = Rc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
            let theirs = Rc::clone(&word);
            machine.on_interrupt(move |byte| theirs.add(byte.into()));
            word.inc();
            word.inc();
            let units: Vec<_> = Unit::all().unwrap().map(|unit| word.on(unit).load()).collect();
            (machine.aborts(), units)
        })
    };
    assert_eq!(run(&[]), (0, vec![2, 0, 0]));
    assert_eq!(run(&[0, 0, 0, 0, 0, 0]), (0, vec![2, 0, 0]), "bytes for nothing");
    // The first increment: migrated at once; aborted before its commit.
    assert_eq!(run(&[1]), (1, vec![0, 2, 0]));
    assert_eq!(run(&[1 << 2 | 1]), (1, vec![2, 0, 0]));
    // Interrupted there by an addition of 5, on its CPU.
    assert_eq!(run(&[interrupted_after(1), 5]), (1, vec![7, 0, 0]));
    // Which itself was migrated; or, with both of its chances passed, who was interrupted.
    assert_eq!(run(&[interrupted_after(1), 5, 1]), (2, vec![2, 5, 0]));
    assert_eq!(run(&[interrupted_after(1), 5, 2 << 2 | 1]), (1, vec![5, 2, 0]));
    // The second increment.
    assert_eq!(run(&[interrupted_after(3), 5]), (1, vec![7, 0, 0]));
}

/// The same bytes make the same run, and statics start anew.
#[test]
fn runs_repeat() {
    percpu! { static WORD: AtomicU64 = AtomicU64::new(1); }
    let run = |faults: &[u8]| {
        Fuzz::new(faults).cpus(4).run(|machine| {
            for cpu in 0..machine.cpus() {
                machine.on(cpu, || WORD.add(10));
            }
            let units = Unit::all().unwrap();
            (machine.aborts(), units.map(|unit| WORD.on(unit).load()).collect::<Vec<_>>())
        })
    };
    assert_eq!(run(&[]), (0, vec![11, 11, 11, 11, 1]));
    let faults = [9, 1, 6, 200, 3, 3, 17];
    assert_eq!(run(&faults), run(&faults));
    assert!(run(&faults).0 > 0);
}

/// Whoever would wait for what it interrupts is told, and the run after it is as any.
#[test]
fn an_interrupt_that_waits_is_a_panic() {
    let run = |faults: &[u8]| {
        Fuzz::new(faults).cpus(1).run(|machine| {
            let lock = Rc::new(
                PerCpu::<LocalLock<Cell<u32>>>::new_with(|_| LocalLock::new(Cell::new(0))).unwrap(),
            );
            let (theirs, word) = (Rc::clone(&lock), PerCpu::<AtomicU64>::zeroed().unwrap());
            machine.on_interrupt(move |_| theirs.with(|n| n.set(n.get() + 1)));
            lock.with(|n| {
                word.inc();
                n.set(n.get() + 1);
            });
            lock.with(|n| n.get())
        })
    };
    assert_eq!(run(&[]), 1);
    let broken = (0..12).filter(|&chances| {
        let faults = [interrupted_after(chances), 0];
        catch_unwind(AssertUnwindSafe(|| run(&faults))).is_err()
    });
    assert!(broken.count() > 0, "an interrupt took the lock that it interrupted");
    assert_eq!(run(&[]), 1);
}

#[test]
fn portable_runs_have_no_sections() {
    Fuzz::new(&[1; 64]).portable().run(|machine| {
        let word = PerCpu::<AtomicU64>::zeroed().unwrap();
        (0..20).for_each(|_| word.inc());
        assert_eq!((word.sum(), machine.aborts()), (20, 0));
    });
}

/// Each two bytes of faults, of which some break a section that does not restart:
/// `ci/shuttle.sh` runs this with `PERCPU_LOOM_MUTATE=no_restart` and demands that it fails.
#[test]
fn every_fault_alone() {
    for first in 0..32 {
        for second in [0, 1, 2] {
            counts(&[1, 2, 3, 4], &[first, 7, second]);
            hands_out_once(&[0, 2, 1, 3, 0, 1], &[first, 0, second]);
        }
    }
}

/// Fast enough for a fuzzer: it says how fast.
#[test]
fn speed() {
    let runs = 20_000;
    let start = Instant::now();
    for run in 0..runs {
        counts(&[1, 2, 3, 4], &[run as u8, 7, (run >> 8) as u8]);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{:.0} runs a second, of four additions and two faults each",
        f64::from(runs) / seconds
    );
}
