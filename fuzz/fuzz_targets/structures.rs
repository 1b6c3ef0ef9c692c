//! Double words, lists, buffers, stacks of a type and slices from several CPUs, against a
//! `Vec` a unit.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::atomic::AtomicU64;
use percpu_core::{DoubleWord, ListNode, LocalBuffer, LocalList, PerCpu, PerCpuSlice, PerCpuStack};
use percpu_core::{Error, Unit, Zeroable};
use percpu_fuzz::{here, run_on, units};

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Swap(u64, u64),
    /// With what is there, or with something else.
    Compare(bool, u64, u64),
    ListPush(u8),
    ListPop(u8),
    ListDrain(u8),
    BufferPush(u8),
    BufferPop(u8),
    BufferDrain(u8),
    StackPush(u8),
    StackPop(u8),
    StackDrain(u8),
    SliceAdd(u8, u64),
}

const SLOTS: usize = 20;
const STACK: usize = 150;
const SLICE: usize = 5;

/// Three words, which is no power of two.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Record([u32; 3]);

impl Record {
    fn of(n: u64) -> Self {
        Self([n as u32, !n as u32, 7])
    }
}

struct Structures {
    pair: PerCpu<DoubleWord>,
    list: PerCpu<LocalList<u64>>,
    buffer: PerCpu<LocalBuffer<Record, SLOTS>>,
    stack: PerCpuStack<i32>,
    slice: PerCpuSlice<AtomicU64>,
}

/// What one unit has.
#[derive(Clone, Default)]
struct Own {
    pair: (u64, u64),
    list: Vec<u64>,
    buffer: Vec<Record>,
    stack: Vec<i32>,
    slice: [u64; SLICE],
}

fn zeroed<T: Zeroable>() -> Result<PerCpu<T>, Error> {
    PerCpu::zeroed()
}

impl Structures {
    fn new() -> Result<Self, Error> {
        Ok(Self {
            pair: zeroed()?,
            list: PerCpu::new_with(|_| LocalList::new())?,
            buffer: zeroed()?,
            stack: PerCpuStack::with_capacity(STACK)?,
            slice: PerCpuSlice::zeroed(SLICE)?,
        })
    }

    fn step(&self, own: &mut Own, next: &mut u64, step: Step) {
        let mut number = || {
            *next += 1;
            *next
        };
        match step {
            Step::Swap(a, b) => {
                assert_eq!(self.pair.swap((a, b)), std::mem::replace(&mut own.pair, (a, b)));
            }
            Step::Compare(right, a, b) => {
                let current = if right { own.pair } else { (own.pair.0, !own.pair.1) };
                let answer = self.pair.compare_exchange(current, (a, b));
                assert_eq!(answer, if right { Ok(own.pair) } else { Err(own.pair) });
                own.pair = if right { (a, b) } else { own.pair };
            }
            Step::ListPush(n) => {
                for _ in 0..=n % 8 {
                    let number = number();
                    assert!(self.list.push(ListNode::new(number)).is_ok(), "nobody drains it");
                    own.list.push(number);
                }
            }
            Step::ListPop(n) => {
                for _ in 0..=n % 8 {
                    assert_eq!(self.list.pop().map(|node| node.into_value()), own.list.pop());
                }
            }
            Step::BufferPush(n) => {
                for _ in 0..=n % 8 {
                    let record = Record::of(number());
                    match self.buffer.push(record) {
                        Ok(()) => own.buffer.push(record),
                        Err(back) => assert_eq!((back, own.buffer.len()), (record, SLOTS)),
                    }
                }
            }
            Step::BufferPop(n) => {
                for _ in 0..=n % 8 {
                    assert_eq!(self.buffer.pop(), own.buffer.pop());
                }
            }
            Step::StackPush(n) => {
                let values: Vec<i32> = (0..n).map(|_| -(number() as i32)).collect();
                let pushed = match values[..] {
                    [value] => usize::from(self.stack.push(value).is_ok()),
                    _ => self.stack.push_batch(&values),
                };
                assert_eq!(pushed, values.len().min(STACK - own.stack.len()));
                own.stack.extend(&values[..pushed]);
            }
            Step::StackPop(1) => assert_eq!(self.stack.pop(), own.stack.pop()),
            Step::StackPop(n) => {
                let mut values = vec![1; usize::from(n)];
                let popped = self.stack.pop_batch(&mut values);
                assert_eq!(popped, values.len().min(own.stack.len()));
                let want = own.stack.split_off(own.stack.len() - popped);
                assert!(want.iter().rev().eq(&values[..popped]), "the top first");
                assert!(values[popped..].iter().all(|&value| value == 1));
            }
            Step::SliceAdd(at, n) => {
                let at = usize::from(at) % SLICE;
                self.slice.at(at).add(n);
                own.slice[at] = own.slice[at].wrapping_add(n);
            }
            _ => {}
        }
    }

    /// From any CPU.
    fn drain(&self, unit: Unit, own: &mut Own, step: Step) {
        match step {
            Step::ListDrain(_) => {
                let mut taken = Vec::new();
                let count = self.list.drain_on(unit, |node| taken.push(node.into_value()));
                assert_eq!(count.expect("a fence"), own.list.len());
                taken.reverse();
                assert_eq!(std::mem::take(&mut own.list), taken);
            }
            Step::BufferDrain(_) => {
                let mut taken = Vec::new();
                let count = self.buffer.drain_on(unit, |record| taken.push(record));
                assert_eq!(count.expect("a fence"), own.buffer.len());
                assert_eq!(std::mem::take(&mut own.buffer), taken, "the oldest first");
            }
            Step::StackDrain(_) => {
                let mut taken = Vec::new();
                self.stack.drain_unit(unit, |value| taken.push(value)).expect("a fence");
                taken.reverse();
                assert_eq!(std::mem::take(&mut own.stack), taken);
            }
            _ => {}
        }
    }

    fn check(&self, units: &[Unit], model: &[Own]) {
        for (&unit, own) in units.iter().zip(model) {
            assert_eq!(self.stack.on(unit).len(), own.stack.len(), "{unit}");
            if unit.is_active() {
                assert_eq!(self.pair.on(unit).load(), own.pair, "{unit}");
                assert_eq!(self.list.on(unit).get().is_empty(), own.list.is_empty(), "{unit}");
                assert_eq!(self.buffer.on(unit).get().len(), own.buffer.len(), "{unit}");
            }
        }
        let sum = |at: usize| model.iter().fold(0_u64, |sum, own| sum.wrapping_add(own.slice[at]));
        assert!(self.slice.sums().eq((0..SLICE).map(sum)));
    }
}

fuzz_target!(|steps: Vec<Step>| {
    run_on(0);
    let structures = Structures::new().expect("memory");
    let units = units();
    let mut model = vec![Own::default(); units.len()];
    let mut next = 0;
    for &step in steps.iter().take(256) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::ListDrain(unit) | Step::BufferDrain(unit) | Step::StackDrain(unit) => {
                let unit = usize::from(unit) % units.len();
                structures.drain(units[unit], &mut model[unit], step);
            }
            step => {
                // Who cannot know where he is cannot say what he finds.
                let Some(here) = here() else { return };
                let unit = units.iter().position(|&unit| unit == here).expect("a unit");
                structures.step(&mut model[unit], &mut next, step);
            }
        }
        structures.check(&units, &model);
    }
});
