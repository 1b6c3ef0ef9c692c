//! [`Builder`]: which machine, how many faults.

use core::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::plan::Plan;
use super::search;
use super::wanted::Wanted;

/// A model's machine and how thoroughly it is searched.
///
/// ```
/// use percpu_core::model::{Builder, Outcomes};
/// use percpu_core::{PerCpu, atomic::AtomicU64};
/// use std::sync::Arc;
///
/// static SUMS: Outcomes<u64> = Outcomes::new();
///
/// Builder::new().check(|machine| {
///     let hits = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
///     let theirs = Arc::clone(&hits);
///     let adder = machine.spawn_on(0, move || theirs.inc());
///     let theirs = Arc::clone(&hits);
///     // Whoever looks on is spawned last: see docs/loom.md.
///     let reader = machine.spawn_on(1, move || SUMS.saw(theirs.sum()));
///     adder.join().unwrap();
///     reader.join().unwrap();
///     assert_eq!(hits.sum(), 1);
/// });
/// SUMS.assert_exactly([0, 1]);
/// ```
///
/// By loom, without a choice, two searches are made: two faults with two preemptions,
/// and one fault with three. Whoever says `faults` or `preemptions`, here or
/// by `PERCPU_LOOM_FAULTS` and `PERCPU_LOOM_PREEMPTIONS` (which win), gets one
/// search; what is not said is two. `PERCPU_LOOM_PLAN` runs one plan alone.
///
/// By shuttle, `PERCPU_SHUTTLE_ITERATIONS` executions each of two kinds are drawn, and
/// what is said of faults and preemptions is left unheeded: see
/// [the module](super#engines).
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
    /// If `model` does in one of them, or if it deadlocks there, or races on an
    /// `UnsafeCell` of the engine; how to run that execution alone is printed then. If a variable of the
    /// environment makes no sense.
    pub fn check(self, model: impl Fn(Machine) + Send + Sync + 'static) -> Report {
        let environment = |name| parse::<usize>(name);
        let wanted = Wanted {
            cpus: self.cpus,
            has_sections: !self.portable,
            faults: environment("PERCPU_LOOM_FAULTS").or(self.faults),
            preemptions: environment("PERCPU_LOOM_PREEMPTIONS").or(self.preemptions),
            plan: parse("PERCPU_LOOM_PLAN").or(self.plan),
            iterations: environment("PERCPU_SHUTTLE_ITERATIONS"),
        };
        let start = Instant::now();
        let (plans, executions) = search::run(&wanted, &Arc::new(model));
        let report = Report { plans, executions, elapsed: start.elapsed() };
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

/// How much a [`Builder::check`] explored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Plans, the empty ones included; none where faults are drawn.
    pub plans: u64,
    /// Executions, over all plans.
    pub executions: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plans, executions, elapsed } = self;
        write!(f, "{plans} plans, {executions} executions, {:.1} s", elapsed.as_secs_f64())
    }
}
