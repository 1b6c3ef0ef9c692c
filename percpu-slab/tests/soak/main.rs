//! Everything at once, for as long as one likes: all structures of the three crates in
//! one process, in threads that come and go, under signals, migrations, forks, a limit on
//! memory that comes and goes, CPUs that go offline where that is allowed. After each
//! round nobody works and everything is counted; over the rounds memory stays flat.
//!
//! `PERCPU_SOAK_SECONDS` says how long (3 by default); `ci/soak.sh` keeps it up for 30
//! minutes.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

#[path = "../common/mod.rs"]
mod common;

mod figures;
mod memory;
mod objects;
mod readers;
mod structures;
mod subject;
mod trouble;
mod words;

use std::thread;
use std::time::{Duration, Instant};

use common::{Random, in_a_storm, in_child};
use figures::Figures;
use subject::Subject;
use trouble::Trouble;

/// Settings under which what was freed serves the heap again without asking the system: a
/// limit on memory is to hit this library, not the `Vec` of somebody else, which ends the
/// process.
const HEAP: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "1073741824"),
    ("MALLOC_TRIM_THRESHOLD_", "17179869184"),
];

fn subjects() -> Vec<Box<dyn Subject>> {
    [words::all(), readers::all(), structures::all(), memory::all(), objects::all()]
        .into_iter()
        .flatten()
        .collect()
}

fn soak() {
    let seconds = std::env::var("PERCPU_SOAK_SECONDS").map_or(3, |text| text.parse().unwrap());
    // Rounds of 10 s, but always some.
    let rounds = (seconds / 10).max(3);
    let each = Duration::from_millis(seconds * 1_000 / rounds);
    trouble::preheat();
    let subjects = subjects();
    let threads = 3 * thread::available_parallelism().map_or(1, usize::from) + 2;
    let trouble = Trouble::start(threads);
    common::handle_sigusr1(words::in_a_handler);
    let mut figures = Figures::new();
    for round in 0..rounds {
        let end = Instant::now() + each;
        in_a_storm(threads, |n| {
            trouble.started();
            let mut random = Random(0x5851_F42D_4C95_7F2D ^ ((round << 16) + n as u64 + 1));
            while Instant::now() < end {
                match n {
                    0 => trouble.fork(words::in_a_forked_child),
                    // Threads that live for some bursts only.
                    1..3 => trouble.with_a_thread(random.next(), &|mut random| {
                        bursts(&subjects, &mut random, 20, end);
                    }),
                    _ => bursts(&subjects, &mut random, 20, end),
                }
            }
        });
        trouble.pause(|| {
            subjects.iter().for_each(|subject| subject.check());
            words::check_handlers();
            subjects.iter().for_each(|subject| subject.trim());
            percpu_core::balance().unwrap();
            figures.note();
        });
    }
    let came = trouble.end();
    for subject in &subjects {
        let subject::Done { worked, refused } = subject.done().read();
        println!("{:<18} {worked:>12} operations {refused:>8} refused", subject.name());
        assert!(worked > 0, "{} did nothing", subject.name());
    }
    println!("{came}");
    println!("{figures}");
    came.assert_it_was_trouble();
    figures.assert_flat();
}

fn bursts(subjects: &[Box<dyn Subject>], random: &mut Random, count: usize, end: Instant) {
    for _ in 0..count {
        let subject = &subjects[random.next() as usize % subjects.len()];
        subject.work(random);
        if Instant::now() >= end {
            break;
        }
    }
}

fn in_mode(test: &str, mode: &[(&str, &str)]) {
    in_child(test, &[mode, &HEAP].concat(), soak);
}

#[test]
fn nothing_is_lost_and_memory_is_flat() {
    in_mode("nothing_is_lost_and_memory_is_flat", &[]);
}

#[test]
fn nothing_is_lost_and_memory_is_flat_by_concurrency_id() {
    let by_id = [("PERCPU_INDEX", "cid")];
    in_mode("nothing_is_lost_and_memory_is_flat_by_concurrency_id", &by_id);
}

#[test]
fn nothing_is_lost_and_memory_is_flat_in_portable_mode() {
    let portable = [("PERCPU_MODE", "portable")];
    in_mode("nothing_is_lost_and_memory_is_flat_in_portable_mode", &portable);
}
