//! [`run`]: every contender of every group in turn, round after round.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use percpu_benches::contender::MAX_THREADS;
use percpu_benches::contender::WORDS;
use percpu_benches::crew::{Crew, Crowd};
use percpu_benches::job::{Group, Job};
use percpu_benches::stats::Summary;

/// What one run of the program saw.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Run {
    /// What the CPU calls itself: the ratios differ from model to model.
    pub(crate) model: Option<String>,
    /// How many other threads had used every contender.
    pub(crate) crowd: usize,
    /// The CPU each thread was pinned to.
    pub(crate) cpus: Vec<Option<usize>>,
    pub(crate) results: Vec<Measured>,
}

/// One contender in one group.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Measured {
    pub(crate) group: Group,
    pub(crate) name: &'static str,
    pub(crate) ours: bool,
    /// Nanoseconds per operation per thread, one thread running.
    pub(crate) one: Summary,
    /// The same with two threads at once.
    pub(crate) two: Summary,
}

impl Run {
    /// The contender called `name`.
    pub(crate) fn find(&self, group: Group, name: &str) -> Option<&Measured> {
        self.results.iter().find(|m| m.group == group && m.name == name)
    }

    /// The contenders of `group`.
    pub(crate) fn group(&self, group: Group) -> impl Iterator<Item = &Measured> {
        self.results.iter().filter(move |m| m.group == group)
    }
}

/// A contender lost or invented counts.
#[derive(Debug)]
pub(crate) struct Miscount {
    group: Group,
    name: &'static str,
    counted: u64,
    expected: u64,
}

impl fmt::Display for Miscount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, name, counted, expected } = self;
        write!(f, "{group}: {name} counted {counted} instead of {expected}")
    }
}

/// A contender on its way.
struct Entry {
    group: Group,
    job: Arc<dyn Job>,
    /// Operations in a run: about as long for every contender.
    ops: u64,
    /// Nanoseconds per operation: runs with one thread, with two, ...
    runs: [Vec<f64>; MAX_THREADS],
}

/// How [`run`] goes about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Runs of each contender with each number of threads.
    pub(crate) rounds: u16,
    /// About how long a run takes with one thread.
    pub(crate) length: Duration,
    /// How many other threads use every contender first, and stay.
    pub(crate) crowd: u16,
}

/// Measures everything.
pub(crate) fn run(plan: Plan) -> Result<Run, Miscount> {
    let (groups, jobs): (Vec<Group>, Vec<Arc<dyn Job>>) = Group::ALL
        .into_iter()
        .flat_map(|group| group.jobs().into_iter().map(move |job| (group, job)))
        .unzip();
    let crowd = Crowd::new(plan.crowd.into(), &jobs, WORDS as u64);
    let crew = Crew::new(MAX_THREADS);
    let mut entries: Vec<Entry> = groups
        .into_iter()
        .zip(jobs)
        .map(|(group, job)| {
            let ops = crew.calibrate(&job, 1, 1 << 13, plan.length);
            Entry { group, job, ops, runs: Default::default() }
        })
        .collect();
    for _ in 0..plan.rounds {
        for entry in &mut entries {
            for threads in 1..=MAX_THREADS {
                entry.turn(&crew, threads)?;
            }
        }
    }
    let results = entries.into_iter().map(Entry::finish).collect();
    Ok(Run { model: cpu_model(), crowd: crowd.len(), cpus: crew.cpus(), results })
}

/// The model name that Linux prints for the first CPU; aarch64 has none.
fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, name) = text.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    Some(name.trim().to_owned())
}

impl Entry {
    fn turn(&mut self, crew: &Crew, threads: usize) -> Result<(), Miscount> {
        let before = self.job.total();
        let time = crew.mean(threads, &self.job, self.ops);
        self.runs[threads - 1].push(time.as_nanos() as f64 / self.ops as f64);
        let Some((after, before)) = self.job.total().zip(before) else { return Ok(()) };
        let (counted, expected) = (after - before, threads as u64 * self.ops * self.job.step());
        if counted == expected {
            return Ok(());
        }
        Err(Miscount { group: self.group, name: self.job.name(), counted, expected })
    }

    fn finish(self) -> Measured {
        let [one, two] =
            self.runs.map(|runs| Summary::of(&runs).expect("the command line asks for 15 rounds"));
        let name = self.job.name();
        Measured { group: self.group, name, ours: self.job.is_ours(), one, two }
    }
}
