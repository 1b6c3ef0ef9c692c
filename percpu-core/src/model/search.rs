//! The search by loom: over plans, and under each over orders and loads.

use core::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::chances::Chances;
use super::machine::{Machine, machine};
use super::plan::Plan;
use super::state::State;
use super::wanted::Wanted;

/// How far a search goes: at most `faults` a plan, `preemptions` an execution.
#[derive(Clone, Copy, Debug)]
struct Depth {
    faults: usize,
    preemptions: usize,
}

/// What is searched unless somebody says otherwise.
const DEFAULT: [Depth; 2] =
    [Depth { faults: 2, preemptions: 2 }, Depth { faults: 1, preemptions: 3 }];

/// Far more steps than an execution of a sensible model has.
const MAX_BRANCHES: usize = 20_000;

/// Runs `model` in all executions wanted: how many plans, how many executions.
pub(super) fn run<F>(wanted: &Wanted, model: &Arc<F>) -> (u64, u64)
where
    F: Fn(Machine) + Send + Sync + 'static,
{
    let depths = match (wanted.faults, wanted.preemptions) {
        (None, None) if wanted.plan.is_none() => DEFAULT.to_vec(),
        (faults, preemptions) => {
            vec![Depth { faults: faults.unwrap_or(2), preemptions: preemptions.unwrap_or(2) }]
        }
    };
    let search = Search {
        cpus: wanted.cpus,
        has_sections: wanted.has_sections,
        model: Arc::clone(model),
        executions: Arc::default(),
    };
    let (mut plans, mut executions) = (0, 0);
    for depth in depths {
        plans += match &wanted.plan {
            Some(plan) => search.one(plan, depth),
            None => search.all(depth),
        };
        executions += search.executions.swap(0, Ordering::Relaxed);
    }
    (plans, executions)
}

struct Search<F> {
    cpus: u32,
    has_sections: bool,
    model: Arc<F>,
    executions: Arc<AtomicU64>,
}

impl<F: Fn(Machine) + Send + Sync + 'static> Search<F> {
    /// Every plan from the empty one on, each from what its parent came by.
    fn all(&self, depth: Depth) -> u64 {
        let mut plans = 0;
        let mut known = BTreeSet::from([Plan::default()]);
        // Fewest faults first: the plan that a failure prints needs all of them.
        let mut next = VecDeque::from([Plan::default()]);
        while let Some(plan) = next.pop_front() {
            plans += 1;
            let reached = self.run(&plan, depth.preemptions);
            if plan.len() < depth.faults {
                next.extend(plan.extensions(&reached).filter(|plan| known.insert(plan.clone())));
            }
        }
        plans
    }

    fn one(&self, plan: &Plan, depth: Depth) -> u64 {
        self.run(plan, depth.preemptions);
        1
    }

    /// loom's search under one plan; how many chances each thread came by.
    fn run(&self, plan: &Plan, preemptions: usize) -> Vec<u32> {
        std::thread_local! {
            // Here for the closure below, which loom wants to be `Send`.
            static REACHED: Rc<RefCell<Vec<u32>>> = Rc::default();
        }
        REACHED.with(|reached| reached.borrow_mut().clear());
        let mut loom = loom::model::Builder::new();
        loom.preemption_bound = Some(preemptions);
        loom.max_branches = loom.max_branches.max(MAX_BRANCHES);
        let (cpus, has_sections, chosen) = (self.cpus, self.has_sections, plan.clone());
        let (model, executions) = (Arc::clone(&self.model), Arc::clone(&self.executions));
        let result = catch_unwind(AssertUnwindSafe(|| {
            loom.check(move || {
                executions.fetch_add(1, Ordering::Relaxed);
                let reached = REACHED.with(Rc::clone);
                let chances = Chances::of(Rc::new(chosen.clone()), reached);
                State::start(cpus, has_sections, chances);
                model(machine());
            });
        }));
        let taken = State::end();
        if let Err(panic) = result {
            eprintln!(
                "percpu model: failed in execution {} under plan {plan}, {preemptions} preemptions",
                self.executions.load(Ordering::Relaxed)
            );
            for fault in taken {
                eprintln!("percpu model:   {fault}");
            }
            eprintln!(
                "percpu model: PERCPU_LOOM_PLAN={plan} PERCPU_LOOM_PREEMPTIONS={preemptions} runs \
                 this plan alone"
            );
            resume_unwind(panic);
        }
        REACHED.with(|reached| reached.take())
    }
}
