//! One case under one injection after the other.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use std::{env, hint, thread};

use percpu_core::{Index, info};

use crate::common::{self, Random};
use crate::injection::{self, Injection, Kind};
use crate::storms;

/// An algorithm on sections. What it counts is counted for the whole process: runs
/// follow each other.
pub struct Case {
    /// Points outside of sections that it comes to.
    pub points: &'static [usize],
    /// Once, before anything else.
    pub prepare: fn(),
    /// One of many threads: works while the run goes on, and says how often.
    pub worker: fn(usize, &Run) -> u64,
    /// Another thread, which takes from all units what they have.
    pub remote: fn(&Run),
    /// In signal handlers, on top of anything.
    pub handler: fn(),
    /// Whether all has happened in this run that must.
    pub enough: fn() -> bool,
    /// All threads are gone: nothing was lost, nothing came twice.
    pub check: fn(),
}

/// A case under an injection.
pub struct Run {
    over: AtomicBool,
}

impl Run {
    #[inline]
    pub fn goes_on(&self) -> bool {
        !self.over.load(Relaxed)
    }
}

/// Of the process.
static CASE: OnceLock<&Case> = OnceLock::new();
/// What happens outside, where: `kind`, `percent`, `turns`.
static KIND: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
/// How often a thread came to the point.
static HITS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// In a handler nothing is injected, or signals would follow signals for ever.
    static INJECTED: Cell<bool> = const { Cell::new(false) };
    static CHANCE: Cell<u64> = const { Cell::new(0) };
}

/// By concurrency id every operation comes to this point.
const COLD: usize = 5;
const THREADS_A_CPU: u32 = 6;

/// All injections that are wanted, in a child process.
pub fn run(test: &str, env: &[(&str, &str)], case: &'static Case) {
    common::in_child(test, env, || {
        (case.prepare)();
        let info = info().unwrap();
        assert!(info.mode().is_rseq(), "this test is about sections");
        let by_id = info.index() == Index::Cid;
        if !env.is_empty() && !by_id {
            return println!("did not run: {:?}", info.warnings());
        }
        assert!(CASE.set(case).is_ok());
        common::handle_sigusr1(handler);
        let full = env::var_os("PERCPU_TORTURE").is_some_and(|value| value == "full");
        let filter = env::var("PERCPU_TORTURE_FILTER").unwrap_or_default();
        let time = env::var("PERCPU_TORTURE_MS").ok().map(|ms| ms.parse().expect("milliseconds"));
        let time = Duration::from_millis(time.unwrap_or(if full { 350 } else { 60 }));
        let points: Vec<_> = case.points.iter().copied().chain(by_id.then_some(COLD)).collect();
        let wanted = if full { injection::all(&points) } else { injection::some(&points) };
        let mut ran = 0;
        for injection in wanted {
            if format!("{test}: {injection}").contains(&filter) {
                once(test, case, injection, time);
                ran += 1;
            }
        }
        println!("{ran} cases");
    });
}

fn once(test: &str, case: &'static Case, injection: Injection, time: Duration) {
    let aborts = info().unwrap().aborts();
    let outside = prepare(injection);
    let run = Arc::new(Run { over: AtomicBool::new(false) });
    let start = Instant::now();
    let workers: Vec<_> = (0..common::allowed().count_ones() * THREADS_A_CPU)
        .map(|n| {
            let run = Arc::clone(&run);
            thread::spawn(move || {
                let done = (case.worker)(n as usize, &run);
                // The storm reaches for every thread.
                while run.goes_on() {
                    thread::sleep(Duration::from_micros(200));
                }
                done
            })
        })
        .collect();
    let remote = {
        let run = Arc::clone(&run);
        thread::spawn(move || (case.remote)(&run))
    };
    let enough = || {
        let aborted = info().unwrap().aborts() > aborts || !injection.must_abort();
        aborted && (case.enough)() && (HITS.load(Relaxed) > 0 || !outside)
    };
    storms::blow(injection.storm(), &workers, time, enough);
    let enough = enough();
    run.over.store(true, Relaxed);
    let done = workers.into_iter().map(|worker| worker.join().expect("a worker")).sum::<u64>();
    remote.join().expect("the remote thread");
    let seconds = start.elapsed().as_secs_f64();
    (0..3).for_each(|point| percpu_core::__inject::set(point, 0));
    percpu_core::__inject::outside(&[], at_point);
    (case.check)();
    let aborts = info().unwrap().aborts() - aborts;
    let rate = done as f64 / seconds;
    println!("{injection}: {rate:.0} ops/s, {aborts} aborts");
    assert!(done > 0, "{test}: {injection}: nothing was done");
    let hits = HITS.load(Relaxed);
    assert!(enough, "{test}: {injection}: {aborts} aborts, {hits} times there, or no drain");
}

/// Sets the points; whether one of them is outside.
fn prepare(injection: Injection) -> bool {
    if let Some((point, turns)) = injection.inside() {
        percpu_core::__inject::set(point, turns);
    }
    let Injection::Outside { point, kind, percent } = injection else { return false };
    let (kind, turns) = match kind {
        Kind::Delay(turns) => (0, turns),
        Kind::Yield => (1, 0),
        Kind::Signal => (2, 0),
        Kind::Sleep => (3, 0),
    };
    for (to, value) in KIND.iter().zip([kind, percent, turns]) {
        to.store(value, Relaxed);
    }
    HITS.store(0, Relaxed);
    percpu_core::__inject::outside(&[point], at_point);
    true
}

/// A thread came to a point of interest.
fn at_point(_: usize) {
    if INJECTED.get() {
        return;
    }
    HITS.fetch_add(1, Relaxed);
    if CHANCE.get() == 0 {
        // Each thread's own: where its memory is.
        CHANCE.set(CHANCE.with(|chance| std::ptr::from_ref(chance).addr() as u64));
    }
    let mut random = Random(CHANCE.get());
    let chance = random.next() >> 16;
    CHANCE.set(random.0);
    let [kind, percent, turns] = [0, 1, 2].map(|n: usize| KIND[n].load(Relaxed));
    if chance % 100 >= percent {
        return;
    }
    match kind {
        0 => (0..turns).for_each(|turn| _ = hint::black_box(turn)),
        1 => thread::yield_now(),
        2 => storms::raise(),
        _ => thread::sleep(Duration::from_millis(1)),
    }
}

fn handler() {
    let before = INJECTED.replace(true);
    if let Some(case) = CASE.get() {
        (case.handler)();
    }
    INJECTED.set(before);
}
