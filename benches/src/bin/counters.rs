//! How many times faster is each type of percpu-counter than what people use today?
//! `--help` lists the options.
//!
//! All take turns within one run, round after round, each for some milliseconds with
//! one thread and with two; figures are medians over the rounds.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use percpu_benches::contender::MAX_THREADS;
use percpu_benches::crew::Crew;
use percpu_benches::job::Job;
use percpu_benches::question;
use percpu_benches::stats::Summary;

/// Measures percpu-counter and its rivals in one run.
#[derive(Debug, Parser)]
#[command(name = "counters")]
struct Options {
    /// Runs of each contender.
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u16).range(3..))]
    rounds: u16,

    /// Length of a run, in milliseconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    millis: u16,

    /// Exit with failure when a bound does not hold.
    #[arg(long)]
    check: bool,
}

/// A contender and what its runs took, with one thread and with two.
struct Entry {
    job: Arc<dyn Job>,
    ops: u64,
    runs: [Vec<f64>; MAX_THREADS],
}

impl Entry {
    fn new(crew: &Crew, job: Arc<dyn Job>, length: Duration) -> Self {
        let ops = crew.calibrate(&job, 1 << 10, length);
        Self { job, ops, runs: Default::default() }
    }

    fn turn(&mut self, crew: &Crew) {
        for (threads, runs) in (1..).zip(&mut self.runs) {
            let time = crew.mean(threads, &self.job, self.ops);
            runs.push(time.as_nanos() as f64 / self.ops as f64);
        }
    }

    /// The medians.
    fn figures(&self) -> [f64; MAX_THREADS] {
        self.runs.each_ref().map(|runs| Summary::of(runs).map_or(f64::NAN, |runs| runs.median))
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if cfg!(debug_assertions) {
        eprintln!("counters: a debug build: the figures mean nothing, use --release");
    }
    let crew = Crew::new(MAX_THREADS);
    let length = Duration::from_millis(options.millis.into());
    let questions = question::all();
    let mut entries: Vec<Vec<Entry>> = questions
        .iter()
        .map(|question| {
            let jobs = question.jobs.iter().map(Arc::clone);
            jobs.map(|job| Entry::new(&crew, job, length)).collect()
        })
        .collect();
    for _ in 0..options.rounds {
        entries.iter_mut().flatten().for_each(|entry| entry.turn(&crew));
    }

    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "operation",
        "contender",
        "ns, 1 thread",
        "2 threads",
        "times slower than ours",
        "2 threads",
        "asked for",
        "2 threads",
    ]);
    let mut held = true;
    for (question, entries) in questions.iter().zip(&entries) {
        let ours = entries[0].figures();
        for (nth, entry) in entries.iter().enumerate() {
            let figures = entry.figures();
            let mut row = vec![question.name.to_owned(), entry.job.name().to_owned()];
            row.extend(figures.map(|figure| format!("{figure:.2}")));
            if nth > 0 {
                let factors = [figures[0] / ours[0], figures[1] / ours[1]];
                row.extend(factors.map(|factor| format!("{factor:.2}")));
                row.extend(factors.iter().zip(question.bounds).map(|(&factor, bound)| {
                    let bound = bound.filter(|_| entry.job.name() != question::FLOOR);
                    let Some(bound) = bound else { return String::new() };
                    held &= factor >= bound;
                    let verdict = if factor >= bound { "ok" } else { "DOES NOT HOLD" };
                    format!("{bound:.2} {verdict}")
                }));
            }
            table.add_row(row);
        }
    }
    // Not `println!`, which panics when the reader of a pipe goes away.
    let text = format!("{table}\n");
    let written = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    if written.is_err() || (options.check && !held) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
