//! Words and tables for the person who ran it; no decisions here.

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{HumanBytes, HumanCount};

use super::cache::{PageCache, SYNC_EVERY};
use super::compare::{Comparison, UpdateCosts};
use super::error::Error;
use super::figures::{latency, percent, rate, seconds};
use super::input::Loaded;
use super::serve::Served;
use super::sources::Source;
use super::stats::{Count, LATENCIES};
use super::workload::Workload;

/// After loading.
pub fn loaded(source: &Source, loaded: &Loaded, cache: &PageCache<'_>) -> String {
    let named = source.named.display();
    let of = if source.from_argument {
        format!("below {named}")
    } else {
        format!("of {} crates in {named}", source.roots.len())
    };
    let limit = if loaded.cut { " (stopped at --max-bytes)" } else { "" };
    format!(
        "input     {} of text{limit} from {} files {of}\n\
         \x20         {}\n\
         database  {} pages, loaded in {:.1} s; redb in a nameless file, commits durable every {} s\n\
         cache     {} pages of at most 4 KiB, {} shards of one lock and one LRU list",
        HumanBytes(loaded.bytes),
        HumanCount(loaded.files),
        loaded.skipped,
        HumanCount(loaded.keys.len() as u64),
        loaded.took.as_secs_f64(),
        SYNC_EVERY.as_secs(),
        HumanCount(cache.capacity() as u64),
        cache.shards(),
    )
}

/// One workload on one kind of counters.
pub fn served(workload: Workload, served: &Served) -> String {
    let rows = rows(served).map(|(name, value)| vec![name.to_owned(), value]);
    let title = format!("workload {}, {}", workload.name(), seconds(served.took));
    table(&[&title, served.name], rows)
}

/// One workload on both kinds.
pub fn comparison(workload: Workload, both: &Comparison) -> String {
    let turns = both.per_cpu.rates.len();
    let ratio = both.ratio().map_or("-".into(), |ratio| format!("{ratio:.3} (median of {turns})"));
    let rows = rows(&both.per_cpu).zip(rows(&both.shared)).enumerate().map(
        |(row, ((name, ours), (_, theirs)))| {
            let ratio = if row == 0 { ratio.clone() } else { String::new() };
            vec![name.to_owned(), ours, theirs, ratio]
        },
    );
    let title = format!("workload {}, {} each", workload.name(), seconds(both.per_cpu.took));
    table(&[&title, both.per_cpu.name, both.shared.name, "ratio"], rows)
}

/// What an update costs.
pub fn update_costs(costs: &UpdateCosts) -> String {
    let rows = costs.rows.iter().map(|row| {
        vec![
            match row.threads {
                1 => format!("{}, 1 thread", row.what),
                n if row.together => format!("{}, {n} threads", row.what),
                n => format!("{}, {n} threads (CPUs busy: took turns)", row.what),
            },
            format!("{:.2}", row.per_cpu),
            format!("{:.2}", row.shared),
            format!("{:.1} x", row.shared / row.per_cpu),
        ]
    });
    table(
        &["one update of the statistics, ns", "per-CPU", "shared atomics", "shared / per-CPU"],
        rows,
    )
}

/// How per-CPU words work on this machine.
///
/// # Errors
///
/// [`Error::PerCpu`], never after the counters were made.
pub fn machine() -> Result<String, Error> {
    let info = percpu_core::info()?;
    let aborts = HumanCount(info.aborts());
    Ok(format!("{info}\npercpu: operations interrupted and restarted: {aborts}"))
}

/// The last line of a good run.
pub fn self_check(cache: &PageCache<'_>) -> String {
    format!(
        "self-check ok: {} counters and {} latency buckets equal the threads' own tallies, \
         {} cached pages equal the database",
        Count::ALL.len(),
        LATENCIES.buckets(),
        HumanCount(cache.len() as u64),
    )
}

/// What both tables tell of a run.
fn rows(served: &Served) -> impl Iterator<Item = (&'static str, String)> {
    let seen = &served.counted;
    let count = |what| HumanCount(seen.get(what)).to_string();
    let bytes = |what| HumanBytes(seen.get(what)).to_string();
    [
        ("requests a second", rate(served.rate())),
        ("reads", count(Count::Reads)),
        ("writes", count(Count::Writes)),
        ("hits", count(Count::Hits)),
        ("misses", count(Count::Misses)),
        ("hit ratio", percent(seen.hit_ratio())),
        ("evictions", count(Count::Evictions)),
        ("bytes read", bytes(Count::BytesRead)),
        ("bytes written", bytes(Count::BytesWritten)),
        ("latency p50", latency(seen.latency(0.5))),
        ("latency p90", latency(seen.latency(0.9))),
        ("latency p99", latency(seen.latency(0.99))),
        ("latency p99.9", latency(seen.latency(0.999))),
    ]
    .into_iter()
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header.to_vec());
    for row in rows {
        let cells = row.into_iter().enumerate().map(|(column, text)| {
            let side = if column == 0 { CellAlignment::Left } else { CellAlignment::Right };
            Cell::new(text).set_alignment(side)
        });
        table.add_row(cells);
    }
    table.to_string()
}
