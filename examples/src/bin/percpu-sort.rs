//! Sorts the lines of a file on several threads, under an allocator of one's choice.
//!
//! ```text
//! percpu-sort --allocator percpu --threads 4 big.txt --output sorted.txt
//! percpu-sort --allocator system --lines 2000000
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use clap::Parser;
use percpu_examples::allocator::{self, ALLOC, Allocator};
use percpu_examples::sort::{self, Inventory, Line};

/// Sorts the lines of a file by their bytes, each line a block of memory of its own,
/// checks the result, and tells how long it took and what the allocator has.
#[derive(Debug, Parser)]
#[command(name = "percpu-sort", version)]
struct Args {
    /// What to sort [default: text that is made up, see --lines]
    file: Option<PathBuf>,

    /// Write the sorted lines there
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Lines of the text that is made up
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, conflicts_with = "file",
          value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    lines: u32,

    /// Its seed
    #[arg(long, value_name = "N", default_value_t = 42, conflicts_with = "file")]
    seed: u64,

    /// Threads that sort [default: the CPUs this process may use]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    threads: Option<u16>,

    /// Sort so many times, and free everything in between
    #[arg(long, value_name = "COUNT", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,

    /// What memory comes from
    #[arg(long, value_enum, default_value_t = Allocator::Percpu)]
    allocator: Allocator,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(io::stderr(), "percpu-sort: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    allocator::start(Some(args.allocator))?;
    let text = match &args.file {
        Some(path) => fs::read(path).map_err(|error| named(path, &error))?,
        None => sort::generate(args.lines as usize, args.seed),
    };
    let threads = match args.threads {
        Some(threads) => threads.into(),
        None => available_parallelism().map_or(1, NonZeroUsize::get),
    };
    let expected = Inventory::of(sort::lines(&text));
    say(&format!(
        "{} lines of {} bytes, {threads} threads, allocator {}",
        expected.lines,
        expected.bytes,
        ALLOC.allocator()
    ))?;
    let mut lines = Vec::new();
    for _ in 0..args.rounds {
        let start = Instant::now();
        lines = Vec::new();
        let freed = start.elapsed();
        lines.extend(sort::sorted(&text, threads));
        let sorted = start.elapsed();
        check(&lines, expected)?;
        say(&format!("sorted in {sorted:.3?}, {freed:.3?} of it to free the last round's"))?;
    }
    if let Some(path) = &args.output {
        write(path, &lines).map_err(|error| named(path, &error))?;
    }
    if ALLOC.allocator() == Allocator::Percpu {
        let full = ALLOC.percpu().stats();
        drop(lines);
        say(&format!("\nAll lines in memory\n\n{full}"))?;
        let given_back = ALLOC.percpu().shrink();
        let least = ALLOC.percpu().stats();
        say(&format!("\nAfter them, {given_back} bytes given back\n\n{least}"))?;
    }
    Ok(())
}

fn check(lines: &[Line], expected: Inventory) -> Result<(), Box<dyn Error>> {
    if !lines.is_sorted() {
        return Err("self-check: the lines are not in order".into());
    }
    let found = Inventory::of(lines.iter().map(|line| &**line));
    if found != expected {
        return Err(format!("self-check: {found:?} in place of {expected:?}").into());
    }
    Ok(())
}

fn write(path: &Path, lines: &[Line]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for line in lines {
        out.write_all(line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Onto stdout; a reader who has seen enough is no error.
fn say(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
