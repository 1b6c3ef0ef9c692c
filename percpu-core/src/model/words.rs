//! The words of an allocator on the pretend machine. Twin of `accounting/words.rs`: an
//! array on every unit, there from the start.

use crate::accounting::count::{COUNTS, Count};
use crate::atomic::AtomicU64;
use crate::per_cpu::PerCpu;
use crate::process;

#[derive(Debug)]
pub(super) struct Words(PerCpu<[AtomicU64; COUNTS]>);

impl Words {
    pub(super) fn new() -> Self {
        Self(PerCpu::zeroed().expect("a pretend machine has memory"))
    }

    pub(super) fn inc(&self, count: Count) {
        self.add(count, 1);
    }

    pub(super) fn add(&self, count: Count, n: u64) {
        self.0.at(count as usize).add(n);
    }

    /// Replaces the value of this CPU by what `change` makes of it; else `None`.
    pub(super) fn update(&self, count: Count, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let word = self.0.at(count as usize);
        let mut old = word.load();
        loop {
            match word.compare_exchange(old, change(old)?) {
                Ok(_) => return Some(old),
                // Another CPU's by now, or changed since.
                Err(found) => old = found,
            }
        }
    }

    pub(super) fn sum(&self, count: Count) -> u64 {
        self.0.at(count as usize).sum()
    }

    /// Nobody counts elsewhere.
    pub(super) fn not_on_units(&self, _: Count) -> u64 {
        0
    }

    pub(super) fn units_log2(&self) -> Option<u32> {
        let units = process::get_or_panic().units.count();
        Some(units.next_power_of_two().trailing_zeros())
    }
}
