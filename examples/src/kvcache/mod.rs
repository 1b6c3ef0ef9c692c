//! A read-through page cache in front of an embedded database, on real input.
//!
//! 1. [`input`] finds text files (by default [`sources`]: the sources of the
//!    crates this program was built from) and cuts them into pages of 4 KiB.
//! 2. [`store`] keeps the pages in a redb database in a file without a name,
//!    so that nothing is left behind however the program ends.
//! 3. [`cache`] holds the hot pages: shards of one lock and one LRU list each,
//!    reads fall through to the store, writes go through to it.
//! 4. [`serve`] runs threads that ask by a skewed law ([`workload`]).
//! 5. [`stats`] counts everything: seven counters and the 3,840 words of a
//!    latency histogram, once per CPU or, for `--compare` ([`compare`]), once for
//!    all.
//! 6. [`report`] prints what was seen, after the counters were checked against
//!    what the threads had tallied in plain integers.

#![warn(clippy::print_stdout, clippy::print_stderr)] // both panic on a closed pipe

pub mod args;
pub mod cache;
pub mod compare;
pub mod error;
pub mod figures;
pub mod input;
pub mod report;
pub mod serve;
pub mod sources;
pub mod stats;
pub mod store;
pub mod ui;
pub mod workload;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser as _;

use crate::allocator::{ALLOC, Allocator};
use args::Args;
use cache::PageCache;
use compare::{Comparison, UpdateCosts};
use error::Error;
use serve::{Job, Served};
use stats::{Metrics as _, PerCpuMetrics};
use store::Store;
use ui::Out;

/// Runs the program: arguments in, exit code out, never a panic.
pub fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(std::io::stderr(), "kvcache: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Loads, serves, checks and reports.
///
/// # Errors
///
/// Whatever went wrong first; a failed self-check is [`Error::SelfCheck`].
pub fn run(args: &Args) -> Result<(), Error> {
    crate::allocator::start(args.allocator).map_err(Error::Allocator)?;
    let stop = watch_signals()?;
    let mut out = Out::new();
    PerCpuMetrics::new()?; // a machine without memory for counters says so at once

    let source = match &args.input {
        Some(path) => sources::Source::path(path.clone()),
        None => sources::of_this_build()?,
    };
    let store = Store::create(&args.database_dir())?;
    let found = input::find(&source, args.skip_unreadable, &stop)?;
    let loaded = input::load(&found, args.max_bytes, args.skip_unreadable, &store, &stop)?;
    let keys = workload::shuffled(&loaded.keys, args.seed);
    let cache = PageCache::new(&store, args.cache_pages(), keys.len(), args.threads());
    out.print(&report::loaded(&source, &loaded, &cache))?;

    let workloads = args.workloads();
    let sides = if args.compare { 2 } else { 1 };
    let share = Duration::from_secs(args.seconds) / (workloads.len() as u32 * sides);
    let mut failed = Vec::new();
    for &workload in &workloads {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let job = Job {
            cache: &cache,
            keys: &keys,
            workload,
            zipf: args.zipf,
            threads: args.threads(),
            seed: args.seed,
            stop: &stop,
        };
        if args.compare {
            let both = Comparison::run(&job, share)?;
            out.print(&report::comparison(workload, &both))?;
            failed.extend(both.per_cpu.mismatches.iter().map(|m| format!("per-CPU {m}")));
            failed.extend(both.shared.mismatches.iter().map(|m| format!("shared {m}")));
        } else {
            let served = serve_alone(&job, share)?;
            out.print(&report::served(workload, &served))?;
            failed.extend(served.mismatches);
        }
    }
    if args.compare && !stop.load(Ordering::Relaxed) {
        out.print(&report::update_costs(&UpdateCosts::measure(args.threads())?))?;
    }

    out.print(&report::machine()?)?;
    if ALLOC.allocator() == Allocator::Percpu {
        out.print(&format!("Allocator\n\n{}\n", ALLOC.percpu().stats()))?;
    }
    let stale = cache.stale_pages()?;
    failed.extend(stale.iter().map(|key| format!("page {key} differs from the database")));
    if failed.is_empty() {
        out.print(&report::self_check(&cache))?;
        Ok(())
    } else {
        Err(Error::SelfCheck(failed))
    }
}

/// One workload on per-CPU counters.
fn serve_alone(job: &Job<'_>, share: Duration) -> Result<Served, Error> {
    let metrics = PerCpuMetrics::new()?;
    let mut served = Served::new(&metrics);
    served.round(job, &metrics, share, 0)?;
    served.check(&metrics);
    Ok(served)
}

/// Ctrl-C and its like raise the flag that ends loading and serving early; a
/// second one ends the program at once. A file over the size limit becomes an
/// error of the write in place of the end of the process.
fn watch_signals() -> Result<Arc<AtomicBool>, Error> {
    use signal_hook::consts as signals;

    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signals::SIGINT, signals::SIGTERM] {
        // This order: the first signal finds the flag still down.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(Error::Signals)?;
    }
    #[cfg(unix)]
    signal_hook::flag::register(signals::SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .map_err(Error::Signals)?;
    Ok(stop)
}
