//! How many times faster is each type of percpu-counter than what people use today?
//! `--help` lists the options.
//!
//! All take turns within one run, round after round, each for some milliseconds with
//! one thread and with two; figures are medians over the rounds.

mod questions;

use std::process::ExitCode;

use clap::Parser;
use percpu_benches::answer::{Length, answer};

/// Measures percpu-counter and its rivals in one run.
#[derive(Debug, Parser)]
#[command(name = "counters")]
struct Options {
    #[command(flatten)]
    length: Length,
}

fn main() -> ExitCode {
    answer(&questions::all(), Options::parse().length)
}
