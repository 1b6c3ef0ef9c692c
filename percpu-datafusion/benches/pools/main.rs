//! What does a memory pool cost DataFusion? This one beside DataFusion's own, by turns
//! in one run, with 1, 2 and 8 threads.
//!
//! `cargo bench --bench pools [-- ROUNDS]`

#[path = "../../tests/common/mod.rs"]
mod common;
mod contender;
mod query;
mod report;
mod requests;

use report::Report;

/// Threads at once.
const THREADS: [usize; 3] = [1, 2, 8];

fn main() {
    // Cargo adds options of its own; what is left is the number of rounds.
    let argument = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let rounds = argument.map_or(9, |rounds| rounds.parse().expect("a number of rounds"));
    println!("Medians of {rounds} rounds of queries, of requests five times as many;");
    println!("in each round, the pools by turns.\n");

    let mut requests = Report::new("requests", "ns a request, of each thread");
    requests::measure(5 * rounds, &mut requests);
    println!("{requests}");

    let mut queries = Report::new("queries", "ms a query");
    query::measure(rounds, &mut queries);
    println!("{queries}");
}
