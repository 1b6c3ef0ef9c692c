//! What questions come to: all contenders by turns, round after round, as a table.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::crew::Crew;
use crate::job::Job;
use crate::question::{Question, Setting};
use crate::stats::Summary;

/// How long to measure, and what to do about the bounds.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Length {
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

/// A contender and what its runs took, in nanoseconds, by setting.
struct Entry {
    job: Arc<dyn Job>,
    ops: Vec<u64>,
    runs: Vec<Vec<f64>>,
}

impl Entry {
    fn new(
        job: Arc<dyn Job>,
        question: &Question,
        crews: &HashMap<Setting, Crew>,
        run: Duration,
    ) -> Self {
        let crews = question.settings.iter().map(|setting| &crews[setting]);
        let ops = crews.map(|crew| crew.calibrate(&job, crew.len(), 1 << 10, run)).collect();
        Self { job, ops, runs: vec![Vec::new(); question.settings.len()] }
    }

    fn turn(&mut self, crews: &HashMap<Setting, Crew>, settings: &[Setting]) {
        for ((setting, &ops), runs) in settings.iter().zip(&self.ops).zip(&mut self.runs) {
            let crew = &crews[setting];
            let time = crew.mean(crew.len(), &self.job, ops);
            runs.push(time.as_nanos() as f64 / ops as f64);
        }
    }

    fn median(&self, setting: usize) -> f64 {
        Summary::of(&self.runs[setting]).map_or(f64::NAN, |runs| runs.median)
    }
}

/// Answers all of `questions` in one run, prints the table, and says whether the
/// bounds hold.
///
/// # Panics
/// If no thread can be had, or a contender panics.
pub fn answer(questions: &[Question], length: Length) -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("a debug build: the figures mean nothing, use --release");
    }
    let run = Duration::from_millis(length.millis.into());
    let settings = questions.iter().flat_map(|question| question.settings.iter().copied());
    let crews: HashMap<_, _> = settings.map(|setting| (setting, Crew::of(setting))).collect();
    let mut entries: Vec<Vec<Entry>> = questions
        .iter()
        .map(|question| {
            let rivals = question.rivals.iter().map(|rival| &rival.job);
            let jobs = [&question.ours].into_iter().chain(rivals).map(Arc::clone);
            jobs.map(|job| Entry::new(job, question, &crews, run)).collect()
        })
        .collect();
    for _ in 0..length.rounds {
        for (question, entries) in questions.iter().zip(&mut entries) {
            entries.iter_mut().for_each(|entry| entry.turn(&crews, &question.settings));
        }
    }

    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "operation",
        "threads",
        "contender",
        "ns",
        "times slower than ours",
        "asked for",
    ]);
    let mut held = true;
    let mut verdict = |holds: bool, bound: f64| {
        held &= holds;
        format!("{bound:.2} {}", if holds { "ok" } else { "DOES NOT HOLD" })
    };
    for (question, entries) in questions.iter().zip(&entries) {
        for (nth, setting) in question.settings.iter().enumerate() {
            let ours = entries[0].median(nth);
            for (at, entry) in entries.iter().enumerate() {
                let figure = entry.median(nth);
                let mut row = vec![question.name.to_owned(), setting.to_string()];
                row.extend([entry.job.name().to_owned(), format!("{figure:.2}")]);
                if let Some(rival) = at.checked_sub(1).map(|rival| &question.rivals[rival]) {
                    let factor = figure / ours;
                    row.push(format!("{factor:.2}"));
                    let bound = rival.asked.get(nth).copied().flatten();
                    row.push(bound.map_or(String::new(), |bound| verdict(factor >= bound, bound)));
                } else if let Some(growth) = question.growth.filter(|_| nth > 0) {
                    let factor = ours / entry.median(0);
                    row.push(format!("{factor:.2} of {}", question.settings[0]));
                    row.push(format!("at most {}", verdict(factor <= growth, growth)));
                }
                table.add_row(row);
            }
        }
    }
    // Not `println!`, which panics when the reader of a pipe goes away.
    let written = std::io::stdout().write_all(format!("{table}\n").as_bytes());
    match written.is_err() || (length.check && !held) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.job.name()).finish()
    }
}
