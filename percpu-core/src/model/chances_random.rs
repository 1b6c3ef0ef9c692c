//! [`Chances`] for shuttle: drawn by its own generator, so that they are part of the
//! schedule that a failure prints.

use core::cell::RefCell;

use shuttle::rand::{Rng, thread_rng};

use super::plan::Plan;

/// A thread that has had so many faults runs on undisturbed.
const MOST: u32 = 64;

/// Which chances the kernel takes in an execution.
pub(super) struct Chances {
    /// Those of a plan and no others, if there is one.
    plan: Option<Plan>,
    /// One chance in so many is taken.
    rarity: u32,
    /// How many each thread has had.
    had: RefCell<Vec<u32>>,
}

impl Chances {
    /// Drawn, unless there is a plan. How often is drawn too: now and then not at all.
    pub(super) fn drawn(plan: Option<Plan>) -> Self {
        let rarity = [0, 2, 4, 8, 16, 32][thread_rng().gen_range(0..6)];
        Self { plan, rarity, had: RefCell::default() }
    }

    /// Whether the kernel takes this thread's `chance`.
    pub(super) fn takes(&self, thread: u32, chance: u32) -> bool {
        if let Some(plan) = &self.plan {
            return plan.contains(thread, chance);
        }
        let mut had = self.had.borrow_mut();
        let threads = had.len().max(thread as usize + 1);
        had.resize(threads, 0);
        let had = &mut had[thread as usize];
        let takes = self.rarity != 0 && *had < MOST && thread_rng().gen_range(0..self.rarity) == 0;
        *had += u32::from(takes);
        takes
    }
}
