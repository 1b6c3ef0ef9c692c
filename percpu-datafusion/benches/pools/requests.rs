//! What does a request cost, and giving back?

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

use crate::THREADS;
use crate::contender::Contender;
use crate::report::Report;

/// Bytes of a request.
const BYTES: usize = 8 << 10;

/// One way to use a pool.
struct Case {
    what: &'static str,
    /// Requests of each thread in a run.
    requests: usize,
    /// What all threads together may have.
    limit: usize,
    /// So many requests.
    run: fn(&dyn MemoryPool, &MemoryReservation, usize),
}

const CASES: [Case; 4] = [
    // The pool alone, as a reservation calls it.
    Case {
        what: "grow + shrink, pool",
        requests: 64_000,
        limit: 1 << 30,
        run: |pool, reservation, requests| {
            for _ in 0..requests {
                pool.try_grow(reservation, BYTES).expect("below the limit");
                pool.shrink(reservation, BYTES);
            }
        },
    },
    // As operators do, the reservation's own count of its size included.
    Case {
        what: "grow + shrink",
        requests: 64_000,
        limit: 1 << 30,
        run: |_, reservation, requests| {
            for _ in 0..requests {
                reservation.try_grow(BYTES).expect("below the limit");
                reservation.shrink(BYTES);
            }
        },
    },
    // A table that grows batch by batch and goes at once.
    Case {
        what: "64 grows, one free",
        requests: 64_000,
        limit: 1 << 30,
        run: |_, reservation, requests| {
            for _ in 0..requests / 64 {
                for _ in 0..64 {
                    reservation.try_grow(BYTES).expect("below the limit");
                }
                reservation.free();
            }
        },
    },
    // Above the limit: the error, with its words.
    Case {
        what: "refused",
        requests: 5_000,
        limit: BYTES - 1,
        run: |_, reservation, requests| {
            for _ in 0..requests {
                reservation.try_grow(BYTES).expect_err("above the limit");
            }
        },
    },
];

/// Measures each case with each number of threads.
pub(crate) fn measure(rounds: usize, report: &mut Report) {
    for case in &CASES {
        for threads in THREADS {
            let pools = Contender::ALL.map(|contender| contender.pool(case.limit));
            let mut runs = [(); 3].map(|()| Vec::new());
            // The first round warms up.
            for round in 0..=rounds {
                for (nth, _) in Contender::by_turns(round) {
                    let nanoseconds = run(case, threads, &pools[nth]);
                    if round > 0 {
                        runs[nth].push(nanoseconds);
                    }
                }
            }
            assert!(pools.iter().all(|pool| pool.reserved() == 0), "not all was given back");
            report.row(case.what, threads, runs, String::new());
        }
    }
}

/// Nanoseconds that a request takes a thread: the mean of the threads.
fn run(case: &Case, threads: usize, pool: &Arc<dyn MemoryPool>) -> f64 {
    let start = Barrier::new(threads);
    let one = || {
        let reservation = MemoryConsumer::new("bench").with_can_spill(true).register(pool);
        start.wait();
        let begin = Instant::now();
        (case.run)(pool.as_ref(), &reservation, case.requests);
        begin.elapsed().as_nanos() as f64
    };
    let times: Vec<f64> = thread::scope(|s| {
        let threads: Vec<_> = (0..threads).map(|_| s.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no request failed")).collect()
    });
    times.iter().sum::<f64>() / (threads * case.requests) as f64
}
