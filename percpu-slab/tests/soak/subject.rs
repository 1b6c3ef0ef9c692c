//! What is soaked: something that works in bursts and can be counted afterwards.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use percpu_core::Unit;

use crate::common::Random;

pub(crate) trait Subject: Sync {
    fn name(&self) -> &'static str;

    /// A burst of operations, by any thread.
    fn work(&self, random: &mut Random);

    /// Nobody works: panics if something is lost.
    fn check(&self);

    /// Gives back what is kept at hand.
    fn trim(&self) {}

    fn done(&self) -> &Tally;
}

/// How often a subject did something, and how often there was no memory for it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    worked: AtomicU64,
    refused: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) worked: u64,
    pub(crate) refused: u64,
}

impl Tally {
    pub(crate) fn worked(&self, operations: u64) {
        self.worked.fetch_add(operations, Relaxed);
    }

    /// The value of what may be refused.
    pub(crate) fn allowed<T, E>(&self, result: Result<T, E>) -> Option<T> {
        if result.is_err() {
            self.refused.fetch_add(1, Relaxed);
        }
        result.ok()
    }

    pub(crate) fn read(&self) -> Done {
        Done { worked: self.worked.load(Relaxed), refused: self.refused.load(Relaxed) }
    }
}

pub(crate) fn some_unit(random: &mut Random) -> Unit {
    let mut units = Unit::all().unwrap();
    let nth = random.next() as usize % units.len();
    units.nth(nth).unwrap()
}

/// Whether this time, of so many, is it.
pub(crate) fn one_in(random: &mut Random, many: u64) -> bool {
    random.next().is_multiple_of(many)
}
