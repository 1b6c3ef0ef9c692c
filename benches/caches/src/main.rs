//! How many times faster is percpu-slab than allocators, queues and sharded-slab?
//! `--help` lists the options.
//!
//! All take turns within one run, round after round; figures are medians. In a process
//! without restartable sequences (`PERCPU_MODE=portable`) it asks what is asked of that.

mod buffers;
mod hand_off;
mod heap;
mod keys;
mod objects;
mod queue;

use std::process::ExitCode;

use clap::Parser;
use percpu_benches::answer::{Length, answer};

/// Measures percpu-slab and its rivals in one run.
#[derive(Debug, Parser)]
#[command(name = "caches")]
struct Options {
    #[command(flatten)]
    length: Length,

    /// Only questions whose name has this in it.
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mode = match percpu_core::info() {
        Ok(info) => info.mode(),
        Err(error) => {
            eprintln!("caches: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{mode}\n");
    let mut questions = match mode.is_rseq() {
        false => vec![buffers::portable()],
        true => buffers::all(),
    };
    if mode.is_rseq() {
        questions.push(hand_off::question());
        questions.extend(objects::all());
        questions.extend(keys::all());
    }
    questions.retain(|question| question.name.contains(&options.only));
    answer(&questions, options.length)
}
