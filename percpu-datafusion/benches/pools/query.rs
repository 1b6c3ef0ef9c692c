//! What does a whole query cost?

use std::time::Instant;

use crate::THREADS;
use crate::common::{Engine, Query, Table};
use crate::contender::Contender;
use crate::report::Report;

const ROWS: u64 = 400_000;

/// More than any query needs.
const PLENTY: usize = 1 << 30;

/// A query with more or less than it needs.
const CASES: [(&str, Query, usize); 4] = [
    ("sort, fits", Query::Sort, PLENTY),
    ("sort, spills", Query::Sort, 12 << 20),
    ("group by, fits", Query::GroupBy, PLENTY),
    ("group by, spills", Query::GroupBy, 16 << 20),
];

/// Measures each query with each number of threads.
pub(crate) fn measure(rounds: usize, report: &mut Report) {
    for (what, query, limit) in CASES {
        let spills = limit < PLENTY;
        for threads in THREADS {
            let table = Table::new(ROWS, threads as u64);
            let partitions = if spills { 1 } else { threads };
            let pools = Contender::ALL.map(|contender| contender.pool(limit));
            let engines = pools.clone().map(|pool| Engine::new(threads, partitions, pool));
            let mut runs = [(); 3].map(|()| Vec::new());
            let mut spilled = [0; 3];
            // The first round warms up.
            for round in 0..=rounds {
                for (nth, contender) in Contender::by_turns(round) {
                    let begin = Instant::now();
                    let outcome = engines[nth].run(query, &table);
                    let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
                    let outcome = outcome.unwrap_or_else(|e| panic!("{what}, {contender:?}: {e}"));
                    assert_eq!(outcome.spills > 0, spills, "{what}, {contender:?}");
                    if round > 0 {
                        runs[nth].push(milliseconds);
                        spilled[nth] = outcome.spilled_bytes;
                    }
                }
            }
            drop(engines);
            assert!(pools.iter().all(|pool| pool.reserved() == 0), "not all was given back");
            let note = match spilled {
                [0, 0, 0] => String::new(),
                each => format!("spilled MiB: {:?}", each.map(|bytes| bytes >> 20)),
            };
            report.row(what, threads, runs, note);
        }
    }
}
