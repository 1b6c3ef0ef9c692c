//! What does it cost to allocate and drop a word a CPU? `--help` lists the options.
//!
//! A process has one machine, so each pretend machine is a process of its own:
//! this program, started again. They take turns, round after round, each for some
//! milliseconds with one thread and with two; figures are medians over the rounds.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use crossbeam_utils::CachePadded;
use percpu_benches::stats::Summary;
use percpu_core::{PerCpu, Topology, Unit};

/// Measures allocation on this machine and on pretend ones, all in one run.
#[derive(Debug, Parser)]
#[command(name = "allocations")]
struct Options {
    /// Runs of each machine.
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u16).range(3..))]
    rounds: u16,

    /// Length of a run, in milliseconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    millis: u16,

    /// Exit with failure when a bound does not hold.
    #[arg(long)]
    check: bool,

    /// For the processes this starts: the machine to run as.
    #[arg(long, hide = true)]
    machine: Option<usize>,
}

/// A machine: possible CPUs (0: as it is), and whether all of them are in use.
const MACHINES: [(u32, bool, &str); 7] = [
    (0, false, "this machine"),
    (64, false, "64 possible CPUs, 2 in use"),
    (256, false, "256 possible CPUs, 2 in use"),
    (1024, false, "1024 possible CPUs, 2 in use"),
    (64, true, "64 in use"),
    (256, true, "256 in use"),
    (1024, true, "1024 in use"),
];

/// What is measured: its name, by how many threads, and a run of some length.
type Job = (&'static str, usize, fn(Duration) -> f64);

/// The first two are ours.
const JOBS: [Job; 4] = [
    ("PerCpu::zeroed + drop", 1, ours),
    ("the same, 2 threads", 2, ours),
    ("boxed slice of padded words, one a CPU here", 1, boxed),
    ("malloc + free of 256 bytes", 1, heap),
];

/// The most that one may cost on this machine, in nanoseconds.
const MOST: f64 = 60.0;
/// The most by which idle CPUs, or a second thread, may slow it down.
const GROWTH: f64 = 1.5;

/// Nanoseconds for one turn of `job`, over some time.
fn time(length: Duration, mut job: impl FnMut()) -> f64 {
    let (start, mut turns) = (Instant::now(), 0_u32);
    loop {
        (0..256).for_each(|_| job());
        turns += 256;
        let elapsed = start.elapsed();
        if elapsed >= length {
            return elapsed.as_secs_f64() * 1e9 / f64::from(turns);
        }
    }
}

fn ours(length: Duration) -> f64 {
    time(length, || drop(black_box(PerCpu::<AtomicU64>::zeroed().expect("memory"))))
}

fn boxed(length: Duration) -> f64 {
    let cpus = core_affinity::get_core_ids().map_or(1, |cpus| cpus.len());
    time(length, || {
        let words: Box<[CachePadded<AtomicU64>]> = (0..cpus).map(|_| Default::default()).collect();
        drop(black_box(words));
    })
}

fn heap(length: Duration) -> f64 {
    time(length, || drop(black_box(Box::new([0_u8; 256]))))
}

/// Runs `job` on as many threads as asked for, each pinned to a CPU of its own.
fn on_threads(threads: usize, job: impl Fn() -> f64 + Sync) -> f64 {
    let cpus = core_affinity::get_core_ids().unwrap_or_default();
    std::thread::scope(|scope| {
        let work = |nth: usize| {
            let (job, cpu) = (&job, cpus.get(nth).copied());
            scope.spawn(move || {
                cpu.map(core_affinity::set_for_current);
                job()
            })
        };
        let running: Vec<_> = (0..threads).map(work).collect();
        running.into_iter().map(|run| run.join().expect("a run")).fold(0.0, f64::max)
    })
}

/// One round on one machine; prints a figure for each job.
fn run_as(machine: usize, length: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let (cpus, all, _) = MACHINES[machine];
    if cpus > 0 {
        percpu_core::config().topology(Topology::uniform(cpus, 1)?).apply()?;
    }
    let word = PerCpu::<AtomicU64>::zeroed()?;
    on_threads(2, || {
        word.inc();
        0.0
    });
    if all {
        for unit in Unit::all()? {
            black_box(word.on(unit).load());
        }
    }
    for (_, threads, job) in JOBS {
        println!("{}", on_threads(threads, || job(length)));
    }
    Ok(())
}

/// One round on one machine, in a process of its own.
fn round(machine: usize, millis: u16) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["--machine", &machine.to_string(), "--millis", &millis.to_string()]);
    let output = child.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let figures = str::from_utf8(&output.stdout)?.lines().map(str::parse::<f64>);
    Ok(figures.collect::<Result<_, _>>()?)
}

fn measure(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let mut runs = vec![vec![Vec::new(); JOBS.len()]; MACHINES.len()];
    for _ in 0..options.rounds {
        for (machine, runs) in runs.iter_mut().enumerate() {
            let figures = round(machine, options.millis)?;
            runs.iter_mut().zip(figures).for_each(|(runs, figure)| runs.push(figure));
        }
    }
    let summary = |machine: usize, job: usize| Summary::of(&runs[machine][job]).expect("rounds");

    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["ns, minimum / median", "1 thread", "2 threads"]);
    let cell = |machine, job| {
        let Summary { min, median, .. } = summary(machine, job);
        format!("{min:.1} / {median:.1}")
    };
    for (machine, (.., name)) in MACHINES.iter().enumerate() {
        table.add_row([(*name).to_owned(), cell(machine, 0), cell(machine, 1)]);
    }
    for (job, (name, ..)) in JOBS.iter().enumerate().skip(2) {
        table.add_row([(*name).to_owned(), cell(0, job), String::new()]);
    }
    println!("{table}\n");

    let here = summary(0, 0).median;
    let mut rows = vec![("on this machine, ns".to_owned(), here, MOST)];
    rows.push(("two threads / one".to_owned(), summary(0, 1).median / here, GROWTH));
    for (machine, (.., name)) in MACHINES.iter().enumerate().take(4).skip(1) {
        rows.push((format!("{name} / this machine"), summary(machine, 0).median / here, GROWTH));
    }
    for (name, figure, bound) in &rows {
        let verdict = if figure <= bound { "ok" } else { "DOES NOT HOLD" };
        println!("{name}: {figure:.2} (<= {bound}) {verdict}");
    }
    Ok(rows.iter().all(|(_, figure, bound)| figure <= bound))
}

fn main() -> ExitCode {
    let options = Options::parse();
    let length = Duration::from_millis(options.millis.into());
    let held = match options.machine {
        Some(machine) => run_as(machine, length).map(|()| true),
        None => measure(&options),
    };
    match held {
        Ok(held) if held || !options.check => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("allocations: {error}");
            ExitCode::FAILURE
        }
    }
}
