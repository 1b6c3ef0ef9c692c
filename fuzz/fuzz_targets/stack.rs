//! Stacks of words from several CPUs against a `Vec` a unit: every item and every length.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::__raw::{RawStack, Refused};
use percpu_core::Unit;
use percpu_fuzz::{here, run_on, units};

#[derive(Arbitrary, Debug)]
struct Input {
    capacity: u8,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Push,
    TryPush,
    Pop,
    TryPop,
    /// How many, and at least how many.
    PushBatch(u8, u8),
    PopBatch(u8, u8),
    Limit(u8),
    Drain(u8),
    DrainInto(u8, u8),
    DrainAll,
    Close,
}

/// The most that goes by one commit.
const BATCH: usize = 64;

struct Twins {
    stack: RawStack,
    units: Vec<Unit>,
    /// What each unit has, the top last.
    model: Vec<Vec<u64>>,
    closed: bool,
    next: u64,
}

impl Twins {
    fn new(capacity: usize) -> Self {
        let units = units();
        let stack = RawStack::with_capacity(capacity).expect("memory");
        assert_eq!((stack.capacity(), stack.limit()), (capacity, capacity));
        let model = vec![Vec::new(); units.len()];
        Self { stack, units, model, closed: false, next: 0 }
    }

    /// A word that was not there before; the ends of the range are among them.
    fn word(&mut self) -> u64 {
        self.next += 1;
        if self.next % 2 == 0 { self.next } else { !self.next }
    }

    /// The unit whose length is not what it was; it is this CPU's.
    fn changed(&self) -> usize {
        let differs = |nth: &usize| self.stack.len_on(self.units[*nth]) != self.model[*nth].len();
        let found: Vec<usize> = (0..self.units.len()).filter(differs).collect();
        assert_eq!(found.len(), 1, "one unit's stack");
        assert!(here().is_none_or(|unit| self.units[found[0]] == unit), "this CPU's");
        found[0]
    }

    /// Whether this CPU's stack, if it is known which that is, holds what `test` asks for.
    fn local(&self, test: impl Fn(&Vec<u64>) -> bool) -> bool {
        match here().and_then(|unit| self.units.iter().position(|&other| other == unit)) {
            Some(nth) => test(&self.model[nth]),
            None => self.model.iter().any(test),
        }
    }

    fn pushed(&mut self, items: &[u64]) {
        let unit = self.changed();
        self.model[unit].extend(items);
        assert!(!self.closed && self.model[unit].len() <= self.stack.limit());
    }

    fn popped(&mut self, items: &[u64]) {
        let unit = self.changed();
        let left = self.model[unit].len() - items.len();
        assert_eq!(self.model[unit].split_off(left), items);
    }

    fn refused(&self, refused: Refused) {
        assert!(refused == Refused::Bounds || self.closed, "nobody else stops it");
    }

    fn step(&mut self, step: Step) {
        let limit = self.stack.limit();
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Push => {
                let word = self.word();
                match self.stack.push(word) {
                    true => self.pushed(&[word]),
                    false => assert!(self.closed || self.local(|own| own.len() >= limit)),
                }
            }
            Step::TryPush => {
                let word = self.word();
                if self.stack.try_push(word) {
                    self.pushed(&[word]);
                }
            }
            Step::Pop => match self.stack.pop() {
                Some(word) => self.popped(&[word]),
                None => assert!(self.closed || self.local(Vec::is_empty)),
            },
            Step::TryPop => {
                if let Some(word) = self.stack.try_pop() {
                    self.popped(&[word]);
                }
            }
            Step::PushBatch(count, least) => {
                let items: Vec<u64> = (0..=count % 80).map(|_| self.word()).collect();
                let most = items.len().min(BATCH);
                let least = usize::from(least) % most + 1;
                match self.stack.push_batch(&items, least) {
                    Ok(n) => {
                        let room = |own: &Vec<u64>| limit.saturating_sub(own.len()).min(most) == n;
                        assert!(n >= least && self.local(room));
                        self.pushed(&items[..n]);
                    }
                    Err(refused) => {
                        self.refused(refused);
                        let few = |own: &Vec<u64>| limit.saturating_sub(own.len()) < least;
                        assert!(self.closed || self.local(few));
                    }
                }
            }
            Step::PopBatch(count, least) => {
                let mut out = vec![0; usize::from(count % 80) + 1];
                let most = out.len().min(BATCH);
                let least = usize::from(least) % most + 1;
                match self.stack.pop_into(&mut out, least) {
                    Ok(n) => {
                        assert!(n >= least && self.local(|own| own.len().min(most) == n));
                        self.popped(&out[..n]);
                    }
                    Err(refused) => {
                        self.refused(refused);
                        assert!(self.closed || self.local(|own| own.len() < least));
                    }
                }
            }
            Step::Limit(limit) => {
                let limit = usize::from(limit);
                self.stack.update_limit(|_| Some(limit));
                assert_eq!(self.stack.limit(), limit.min(self.stack.capacity()));
                assert!(!self.stack.update_limit(|_| None));
            }
            Step::Drain(unit) => {
                let unit = usize::from(unit) % self.units.len();
                let mut taken = Vec::new();
                self.stack.drain_unit(self.units[unit], |word| taken.push(word)).expect("a fence");
                taken.reverse();
                assert_eq!(std::mem::take(&mut self.model[unit]), taken);
            }
            Step::DrainInto(unit, count) => {
                let unit = usize::from(unit) % self.units.len();
                let mut out = vec![0; usize::from(count)];
                let n = self.stack.drain_into(self.units[unit], &mut out).expect("a fence");
                let had = self.model[unit].len();
                assert_eq!(n, had.min(out.len()));
                let taken = self.model[unit].split_off(had - n);
                assert!(taken.iter().rev().eq(&out[..n]), "from the top");
            }
            Step::DrainAll => self.drain_all(),
            Step::Close => {
                self.stack.close().expect("a fence");
                self.closed = true;
            }
        }
    }

    fn drain_all(&mut self) {
        let mut taken = Vec::new();
        self.stack.drain_mut(|word| taken.push(word));
        let all = self.model.iter().flat_map(|own| own.iter().rev().copied());
        assert_eq!(taken, all.collect::<Vec<_>>());
        self.model.iter_mut().for_each(Vec::clear);
    }

    fn check(&self) {
        for (unit, own) in self.units.iter().zip(&self.model) {
            assert_eq!(self.stack.len_on(*unit), own.len(), "{unit}");
        }
    }
}

fuzz_target!(|input: Input| {
    run_on(0);
    let mut twins = Twins::new(usize::from(input.capacity) + 1);
    for &step in input.steps.iter().take(512) {
        twins.step(step);
        twins.check();
    }
    twins.drain_all();
    twins.check();
});
