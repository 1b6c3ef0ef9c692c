//! [`run`]: every contender of every group in turn, round after round.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use percpu_benches::crew::{Crew, MAX_THREADS};
use percpu_benches::job::{Group, Job};
use percpu_benches::stats::Summary;

/// What one run of the program saw.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Run {
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

/// Measures everything, each contender `rounds` times about `length` with each
/// number of threads.
pub(crate) fn run(rounds: u16, length: Duration) -> Result<Run, Miscount> {
    let crew = Crew::new(MAX_THREADS);
    let mut entries: Vec<Entry> = Group::ALL
        .into_iter()
        .flat_map(|group| group.jobs().into_iter().map(move |job| (group, job)))
        .map(|(group, job)| {
            let ops = calibrate(&crew, &job, length);
            Entry { group, job, ops, runs: Default::default() }
        })
        .collect();
    for _ in 0..rounds {
        for entry in &mut entries {
            for threads in 1..=MAX_THREADS {
                entry.turn(&crew, threads)?;
            }
        }
    }
    let results = entries.into_iter().map(Entry::finish).collect();
    Ok(Run { cpus: crew.cpus(), results })
}

/// How many operations take `length` with one thread. Warms the contender up as
/// well: first touches and registrations of all threads are behind it.
fn calibrate(crew: &Crew, job: &Arc<dyn Job>, length: Duration) -> u64 {
    let mut ops = 1 << 13;
    crew.run(MAX_THREADS, job, ops);
    while crew.mean(1, job, ops) < length {
        ops *= 2;
    }
    ops
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
