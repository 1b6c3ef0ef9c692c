//! The search by shuttle: drawn orders and drawn faults.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};

use super::chances::Chances;
use super::machine::{Machine, machine};
use super::state::State;
use super::wanted::Wanted;

/// Executions by each scheduler unless somebody says otherwise.
const ITERATIONS: usize = 200;

/// The same executions each time, unless `SHUTTLE_RANDOM_SEED` is another number.
const SEED: u64 = 6;

/// How many times threads change their priority in an execution, and one more.
const DEPTH: usize = 4;

/// Far more than an execution takes that will end.
const MAX_STEPS: usize = 200_000;

/// More than a panic's message needs.
const STACK: usize = 256 << 10;

/// Runs `model` in as many executions as wanted: no plans, how many executions.
pub(super) fn run<F>(wanted: &Wanted, model: &Arc<F>) -> (u64, u64)
where
    F: Fn(Machine) + Send + Sync + 'static,
{
    if let Some(schedule) = std::env::var("PERCPU_SHUTTLE_SCHEDULE").ok().filter(|s| !s.is_empty())
    {
        let replay = ReplayScheduler::new_from_encoded(schedule.trim());
        return (0, by(wanted, replay, model, "the schedule"));
    }
    let iterations = wanted.iterations.unwrap_or(ITERATIONS);
    let random =
        by(wanted, RandomScheduler::new_from_seed(SEED, iterations), model, "the random scheduler");
    let priorities = by(
        wanted,
        PctScheduler::new_from_seed(SEED, DEPTH, iterations),
        model,
        "the scheduler by priorities",
    );
    (0, random + priorities)
}

fn by<F>(wanted: &Wanted, scheduler: impl Scheduler + 'static, model: &Arc<F>, name: &str) -> u64
where
    F: Fn(Machine) + Send + Sync + 'static,
{
    let mut config = shuttle::Config::new();
    config.stack_size = STACK;
    config.max_steps = shuttle::MaxSteps::FailAfter(MAX_STEPS);
    // Orderings are for loom; statics that end with an execution are what is wanted.
    config.silence_warnings = true;
    let (cpus, has_sections, plan) = (wanted.cpus, wanted.has_sections, wanted.plan.clone());
    let model = Arc::clone(model);
    let runner = shuttle::Runner::new(scheduler, config);
    let result = catch_unwind(AssertUnwindSafe(|| {
        runner.run(move || {
            State::start(cpus, has_sections, Chances::drawn(plan.clone()));
            // Priorities want two threads that could run at the same time.
            let nobody = shuttle::thread::spawn(|| ());
            shuttle::thread::yield_now();
            nobody.join().expect("it does nothing");
            model(machine());
        })
    }));
    let taken = State::end();
    match result {
        Ok(executions) => executions as u64,
        Err(panic) => {
            eprintln!("percpu model: failed in an execution by {name}");
            for fault in taken {
                eprintln!("percpu model:   {fault}");
            }
            eprintln!(
                "percpu model: PERCPU_SHUTTLE_SCHEDULE=\"...\", with the digits of the failing \
                 schedule above, runs it alone"
            );
            resume_unwind(panic);
        }
    }
}
