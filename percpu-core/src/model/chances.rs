//! [`Chances`] for loom: those of a plan.

use core::cell::RefCell;
use std::rc::Rc;

use super::plan::Plan;

/// Which chances the kernel takes in an execution.
pub(super) struct Chances {
    plan: Rc<Plan>,
    /// How many chances each thread came by; outlives the execution.
    reached: Rc<RefCell<Vec<u32>>>,
}

impl Chances {
    pub(super) fn of(plan: Rc<Plan>, reached: Rc<RefCell<Vec<u32>>>) -> Self {
        Self { plan, reached }
    }

    /// Whether the kernel takes this thread's `chance`.
    pub(super) fn takes(&self, thread: u32, chance: u32) -> bool {
        let mut reached = self.reached.borrow_mut();
        let threads = reached.len().max(thread as usize + 1);
        reached.resize(threads, 0);
        let most = &mut reached[thread as usize];
        *most = (*most).max(chance + 1);
        self.plan.contains(thread, chance)
    }
}
