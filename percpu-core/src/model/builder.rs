//! [`Builder`]: which machine, how many faults; and the search over plans.

use core::cell::RefCell;
use core::fmt;
use core::ops::AddAssign;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::machine::{Machine, State, machine};
use super::plan::Plan;

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

/// A model's machine and how thoroughly it is searched.
///
/// Without a choice two searches are made: two faults with two preemptions,
/// and one fault with three. Whoever says `faults` or `preemptions`, here or
/// by `PERCPU_LOOM_FAULTS` and `PERCPU_LOOM_PREEMPTIONS` (which win), gets one
/// search; what is not said is two. `PERCPU_LOOM_PLAN` runs one plan alone.
#[derive(Clone, Debug)]
#[must_use = "nothing is run until `check`"]
pub struct Builder {
    cpus: u32,
    faults: Option<usize>,
    preemptions: Option<usize>,
    portable: bool,
    plan: Option<Plan>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { cpus: 2, faults: None, preemptions: None, portable: false, plan: None }
    }
}

impl Builder {
    /// Two CPUs, and the two searches described [above](Self).
    pub fn new() -> Self {
        Self::default()
    }

    /// How many CPUs the machine has. Default: 2.
    ///
    /// # Panics
    /// If it is none.
    pub fn cpus(mut self, cpus: u32) -> Self {
        assert!(cpus > 0, "a machine needs a CPU");
        self.cpus = cpus;
        self
    }

    /// How many faults a plan has at most.
    pub fn faults(mut self, faults: usize) -> Self {
        self.faults = Some(faults);
        self
    }

    /// How many times an execution takes the processor from a thread that
    /// could go on, at most.
    pub fn preemptions(mut self, preemptions: usize) -> Self {
        self.preemptions = Some(preemptions);
        self
    }

    /// No thread has restartable sequences, and the process knows: atomics on
    /// a unit picked per thread, here the one of its CPU.
    pub fn portable(mut self) -> Self {
        self.portable = true;
        self
    }

    /// Only this plan: what a failure printed.
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = Some(plan);
        self
    }

    /// Runs `model` in all executions that the search comes by, each on a new
    /// machine, and prints how many they were.
    ///
    /// # Panics
    /// If `model` does in one of them, or if it deadlocks there, or races on a
    /// loom `UnsafeCell`; the plan is printed then. If a variable of the
    /// environment makes no sense.
    pub fn check(self, model: impl Fn(Machine) + Send + Sync + 'static) -> Report {
        let from_environment = |name| parse::<usize>(name);
        let faults = from_environment("PERCPU_LOOM_FAULTS").or(self.faults);
        let preemptions = from_environment("PERCPU_LOOM_PREEMPTIONS").or(self.preemptions);
        let plan = parse::<Plan>("PERCPU_LOOM_PLAN").or(self.plan);
        let depths = match (faults, preemptions) {
            (None, None) if plan.is_none() => DEFAULT.to_vec(),
            (faults, preemptions) => {
                vec![Depth { faults: faults.unwrap_or(2), preemptions: preemptions.unwrap_or(2) }]
            }
        };
        let search = Search {
            cpus: self.cpus,
            has_sections: !self.portable,
            model: Arc::new(model),
            executions: Arc::default(),
        };
        let start = Instant::now();
        let mut report = Report::default();
        for depth in depths {
            report += match &plan {
                Some(plan) => search.one(plan, depth),
                None => search.all(depth),
            };
        }
        report.elapsed = start.elapsed();
        let test = std::thread::current();
        println!("percpu model {}: {report}", test.name().unwrap_or("?"));
        report
    }
}

fn parse<T: core::str::FromStr<Err: fmt::Display>>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    match value.parse() {
        Ok(value) => Some(value),
        Err(error) => panic!("{name}={value}: {error}"),
    }
}

struct Search<F> {
    cpus: u32,
    has_sections: bool,
    model: Arc<F>,
    executions: Arc<AtomicU64>,
}

impl<F: Fn(Machine) + Send + Sync + 'static> Search<F> {
    /// Every plan from the empty one on, each from what its parent came by.
    fn all(&self, depth: Depth) -> Report {
        let mut report = Report::default();
        let mut known = BTreeSet::from([Plan::default()]);
        let mut next = vec![Plan::default()];
        while let Some(plan) = next.pop() {
            report.plans += 1;
            let reached = self.run(&plan, depth.preemptions);
            if plan.len() < depth.faults {
                next.extend(plan.extensions(&reached).filter(|plan| known.insert(plan.clone())));
            }
        }
        report.executions = self.executions.swap(0, Ordering::Relaxed);
        report
    }

    fn one(&self, plan: &Plan, depth: Depth) -> Report {
        self.run(plan, depth.preemptions);
        let executions = self.executions.swap(0, Ordering::Relaxed);
        Report { plans: 1, executions, elapsed: Duration::ZERO }
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
                State::start(cpus, has_sections, Rc::new(chosen.clone()), reached);
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

/// How much a [`Builder::check`] explored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Plans, the empty ones included.
    pub plans: u64,
    /// Executions, over all plans.
    pub executions: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.plans += other.plans;
        self.executions += other.executions;
        self.elapsed += other.elapsed;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plans, executions, elapsed } = self;
        write!(f, "{plans} plans, {executions} executions, {:.1} s", elapsed.as_secs_f64())
    }
}
