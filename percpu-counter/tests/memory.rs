//! What counters cost, and that they leave nothing.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use percpu_core::{PerCpu, Stats, Unit, atomic::AtomicU64, balance, stats};
use percpu_counter::{Counter, Max};

/// Everything that a counter could leave behind.
fn held(stats: &Stats) -> [usize; 5] {
    [
        stats.nr_cur_alloc as usize,
        stats.nr_chunks,
        stats.populated_pages,
        stats.backing_bytes,
        stats.front_cached as usize,
    ]
}

fn balanced() -> Stats {
    balance().unwrap();
    stats().unwrap()
}

fn counters(count: u64) -> Vec<Counter> {
    let counters: Vec<_> = (0..count).map(|_| Counter::new().unwrap()).collect();
    counters.iter().for_each(Counter::inc);
    counters
}

/// All units in use: memory is counted for those.
fn use_every_unit() {
    let word = PerCpu::<AtomicU64>::zeroed().unwrap();
    assert!(Unit::all().unwrap().all(|unit| word.on(unit).load() == 0 && unit.is_active()));
}

#[test]
fn a_hundred_thousand_counters_leave_nothing() {
    common::in_each_mode("a_hundred_thousand_counters_leave_nothing", || {
        let count = common::scaled(100_000);
        use_every_unit();
        // What the allocator keeps at hand is kept after a first round.
        drop(counters(count));
        let before = balanced();
        let live = counters(count);
        assert_eq!(stats().unwrap().nr_cur_alloc, before.nr_cur_alloc + count);
        assert!(live.iter().all(|counter| counter.sum() == 1));
        // Freed by threads that did not allocate them.
        let mut parts = live.into_iter();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let part: Vec<_> = parts.by_ref().take(count as usize / 4 + 1).collect();
                scope.spawn(move || drop(part));
            }
        });
        let after = balanced();
        assert_eq!(held(&after), held(&before), "{before}\n{after}");
        // A CPU that frees for the first time gets a front cache, once and for all.
        let grown = after.metadata_bytes - before.metadata_bytes;
        assert!(grown <= 2048 * after.units, "{grown} bytes\n{before}\n{after}");
    });
}

/// What a `T` takes of the memory of every unit and of the allocator's own, as
/// multiples of so many bytes a unit: of `count`, which are enough for some chunks,
/// made when the first chunk's room is used up.
fn cost<T>(bytes: usize, count: usize, make: impl Fn() -> T) -> f64 {
    let make = |count| (0..count).map(|_| make()).collect::<Vec<_>>();
    let _first = make(10_000);
    let before = stats().unwrap();
    let _live = make(count);
    let after = stats().unwrap();
    let backing = (after.backing_bytes - before.backing_bytes) as f64;
    let chunks = (after.nr_chunks - before.nr_chunks) as f64;
    let metadata = (after.metadata_bytes - before.metadata_bytes) as f64 / chunks;
    let units = after.units;
    let (of_units, of_its_own) =
        (backing / (count * bytes * units) as f64, metadata / (after.unit_size * units) as f64);
    println!("{bytes} bytes in {units} units cost {of_units:.4} and {of_its_own:.4} times that");
    of_units + of_its_own
}

#[test]
#[cfg_attr(miri, ignore = "counts what hundreds of thousands take")]
fn a_counter_costs_8_bytes_a_unit_and_under_3_percent_more() {
    common::in_child("a_counter_costs_8_bytes_a_unit_and_under_3_percent_more", &[], || {
        use_every_unit();
        let counter = cost(8, 300_000, || Counter::new().unwrap());
        let max = cost(16, 150_000, || Max::new().unwrap());
        // Of a chunk's metadata there is one for all units: with one possible CPU it
        // has two of them to be spread over.
        let most = if Unit::all().unwrap().count() < 3 { 1.04 } else { 1.03 };
        assert!((0.99..most).contains(&counter), "{counter}");
        assert!((0.99..most).contains(&max), "{max}");
    });
}
