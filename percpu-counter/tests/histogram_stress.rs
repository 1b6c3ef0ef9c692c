//! Histograms are exact under migration and signals, in every mode.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

#[path = "../../percpu-core/tests/common/mod.rs"]
mod common;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use common::Random;
use percpu_counter::Histogram;
use percpu_counter::histogram::Snapshot;

static LATENCY: LazyLock<Histogram> = LazyLock::new(|| {
    Histogram::builder().range(1, 60_000_000_000).digits(2).build().expect("30 KiB a CPU")
});

/// What the handlers recorded: a value that no thread records.
static SIGNALS: AtomicU64 = AtomicU64::new(0);
const OF_SIGNALS: u64 = 50_000_000_000;

const THREADS: usize = 16;
/// `PERCPU_TEST_SCALE=60` makes it more than 10 s in each mode.
const EACH: u64 = 50_000;

fn handler() {
    LATENCY.record(OF_SIGNALS).expect("in range");
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn sixteen_threads_are_all_counted_while_one_takes() {
    common::in_each_mode("sixteen_threads_are_all_counted_while_one_takes", || {
        LazyLock::force(&LATENCY);
        common::handle_sigusr1(handler);
        let each = common::scaled(EACH);
        let shape = LATENCY.shape();
        let (tallies, recording) = (std::sync::Mutex::new(Vec::new()), AtomicUsize::new(THREADS));
        let taken = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut taken = Snapshot::empty(shape);
                let mut takes = 0_u64;
                while recording.load(Ordering::Acquire) > 0 {
                    let (earlier, later) = (LATENCY.snapshot(), LATENCY.snapshot());
                    later.since(&earlier).expect("counts only grow");
                    taken.merge(&LATENCY.take()).unwrap();
                    takes += 1;
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                println!("{takes} takes");
                taken
            });
            common::in_a_storm(THREADS, |thread| {
                let mut random = Random(thread as u64 + 1);
                let mut tally = Snapshot::empty(shape);
                for _ in 0..each {
                    let bits = random.next();
                    let value = bits >> (34 + bits % 30);
                    LATENCY.record(value).expect("in range");
                    tally.record_n(value, 1).unwrap();
                    let (value, n) = (bits, bits >> 60);
                    LATENCY.saturating_record_n(value, n);
                    tally.saturating_record_n(value, n);
                }
                tallies.lock().unwrap().push(tally);
                recording.fetch_sub(1, Ordering::AcqRel);
            });
            reader.join().unwrap()
        });
        let mut counted = taken;
        counted.merge(&LATENCY.take()).unwrap();
        assert!(LATENCY.snapshot().is_empty());
        let mut expected = Snapshot::empty(shape);
        for tally in tallies.into_inner().unwrap() {
            expected.merge(&tally).unwrap();
        }
        let signals = SIGNALS.load(Ordering::Relaxed);
        println!("{signals} signals, {counted}");
        assert!(signals > 0, "the storm blew");
        expected.record_n(OF_SIGNALS, signals).unwrap();
        assert_eq!(counted, expected);
    });
}
