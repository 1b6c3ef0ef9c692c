//! Prints how many times faster than what. `--help` lists the options.
//!
//! All contenders take turns within one run: each round runs every contender of
//! every group for a few milliseconds, with one thread and with two. A disturbance
//! then hits all alike, and the medians over the rounds are free of it.

mod acceptance;
mod measure;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Measures this-CPU operations and their rivals in one run and prints the ratios.
#[derive(Debug, Parser)]
#[command(name = "ratios")]
struct Options {
    /// Runs of each contender.
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u16).range(15..))]
    rounds: u16,

    /// Length of a run with one thread, in milliseconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    millis: u16,

    /// Let this many other threads use every contender first, and stay asleep: what
    /// a server has. 64 of them take about 350 MB, which are the rivals' state.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    crowd: u16,

    /// Exit with failure when a row of the acceptance does not hold.
    #[arg(long)]
    check: bool,

    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if cfg!(debug_assertions) {
        eprintln!("ratios: a debug build: the figures mean nothing, use --release");
    }
    let plan = measure::Plan {
        rounds: options.rounds,
        length: Duration::from_millis(options.millis.into()),
        crowd: options.crowd,
    };
    let run = match measure::run(plan) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("ratios: {error}");
            return ExitCode::FAILURE;
        }
    };
    let rows = acceptance::judge(&run);
    let text = if options.json { report::json(&run, &rows) } else { report::text(&run, &rows) };
    // Not `println!`, which panics when the reader of a pipe goes away.
    if std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()).is_err() {
        return ExitCode::FAILURE;
    }
    if options.check && !rows.iter().all(|row| row.ok) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
