//! A stack, a count and a reference count on pretend CPUs, where the input says at which
//! step a section is aborted, its thread migrated, and others run meanwhile: against a set
//! of what is in the stack, and two sums.

#![no_main]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::atomic::AtomicU64;
use percpu_core::model::{Fuzz, Machine};
use percpu_core::{PerCpu, PerCpuStack, RawRef, Unit};

#[derive(Arbitrary, Debug)]
struct Input {
    cpus: u8,
    portable: bool,
    capacity: u8,
    steps: Vec<Step>,
    /// What the kernel does; see `percpu_core::model`.
    faults: Vec<u8>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Migrate(u8),
    Push,
    Pop,
    PushBatch(u8),
    PopBatch(u8),
    Drain(u8),
    Add(u8),
    Get,
    Put,
    ToAtomic,
    ToPerCpu,
}

/// What should be: changed before a push and after a pop, so that an interrupt between
/// finds it true.
#[derive(Default)]
struct Model {
    inside: BTreeSet<u64>,
    next: u64,
    sum: u64,
    references: u64,
}

struct Twins {
    stack: PerCpuStack<u64>,
    sum: PerCpu<AtomicU64>,
    references: RawRef,
    model: RefCell<Model>,
}

impl Twins {
    fn new(capacity: usize) -> Self {
        let references = percpu_core::RefOptions::new().allow_reinit();
        Self {
            stack: PerCpuStack::with_capacity(capacity).expect("memory"),
            sum: PerCpu::zeroed().expect("memory"),
            references: RawRef::with_options(references).expect("memory"),
            model: RefCell::new(Model { references: 1, ..Model::default() }),
        }
    }

    fn numbers(&self, n: usize) -> Vec<u64> {
        let mut model = self.model.borrow_mut();
        let first = model.next + 1;
        model.next += n as u64;
        let numbers: Vec<u64> = (first..=model.next).collect();
        model.inside.extend(&numbers);
        numbers
    }

    fn not_pushed(&self, number: u64) {
        assert!(self.model.borrow_mut().inside.remove(&number), "{number} is in nonetheless");
    }

    fn taken(&self, number: u64) {
        let known = self.model.borrow_mut().inside.remove(&number);
        assert!(known, "{number} came twice, or from nowhere");
    }

    /// What an interrupt may do, too.
    fn step(&self, step: Step) {
        match step {
            Step::Push => {
                let number = self.numbers(1)[0];
                if self.stack.push(number).is_err() {
                    self.not_pushed(number);
                }
            }
            Step::Pop => {
                if let Some(number) = self.stack.pop() {
                    self.taken(number);
                }
            }
            Step::PushBatch(n) => {
                let numbers = self.numbers(usize::from(n % 16));
                let pushed = self.stack.push_batch(&numbers);
                numbers[pushed..].iter().for_each(|&number| self.not_pushed(number));
            }
            Step::PopBatch(n) => {
                let mut numbers = vec![0; usize::from(n % 16)];
                let popped = self.stack.pop_batch(&mut numbers);
                numbers[..popped].iter().for_each(|&number| self.taken(number));
            }
            Step::Add(n) => {
                self.sum.add(n.into());
                self.model.borrow_mut().sum += u64::from(n);
            }
            Step::Get => {
                self.references.get();
                self.model.borrow_mut().references += 1;
            }
            Step::Put => {
                let mut model = self.model.borrow_mut();
                if model.references > 1 {
                    model.references -= 1;
                    drop(model);
                    assert_eq!(self.references.put(1), Ok(false), "the initial one is there");
                }
            }
            _ => {}
        }
    }

    /// What waits for sections.
    fn change(&self, machine: Machine, step: Step) {
        match step {
            Step::Migrate(cpu) => machine.migrate(u32::from(cpu) % machine.cpus()),
            Step::Drain(nth) => {
                let units: Vec<Unit> = Unit::all().expect("units").collect();
                let unit = units[usize::from(nth) % units.len()];
                self.stack.drain_unit(unit, |number| self.taken(number)).expect("a fence");
            }
            Step::ToAtomic => self.references.switch_to_atomic_sync().expect("no underflow"),
            Step::ToPerCpu => self.references.switch_to_percpu().expect("reusable"),
            step => self.step(step),
        }
    }

    fn check(&self) {
        let model = self.model.borrow();
        assert_eq!(self.stack.len(), model.inside.len(), "lost, or made up");
        assert_eq!((self.sum.sum(), self.references.count()), (model.sum, model.references));
    }
}

/// One byte of an interrupt's.
fn interrupt(byte: u8) -> Step {
    match byte % 8 {
        0 | 1 => Step::Push,
        2 => Step::Pop,
        3 => Step::PushBatch(byte / 8),
        4 => Step::PopBatch(byte / 8),
        5 => Step::Add(byte / 8),
        6 => Step::Get,
        _ => Step::Put,
    }
}

fuzz_target!(|input: Input| {
    let mut fuzz = Fuzz::new(&input.faults).cpus(u32::from(input.cpus % 4) + 1);
    if input.portable {
        fuzz = fuzz.portable();
    }
    fuzz.run(|machine| {
        let twins = Rc::new(Twins::new(usize::from(input.capacity % 40) + 1));
        let theirs = Rc::clone(&twins);
        machine.on_interrupt(move |byte| theirs.step(interrupt(byte)));
        for &step in input.steps.iter().take(128) {
            twins.change(machine, step);
            twins.check();
        }
        twins.stack.drain(|_, number| twins.taken(number)).expect("a fence");
        assert!(twins.model.borrow().inside.is_empty(), "lost");
        assert!(twins.references.switch_to_atomic_sync().is_ok());
        twins.check();
    });
});
