//! How figures are written, and the live line that is made of them.

use std::time::Duration;

use indicatif::HumanCount;

use super::stats::Totals;
use super::workload::Workload;

/// While serving: what happened in the last moment.
pub fn live(kind: &str, workload: Workload, totals: &Totals, during: Duration) -> String {
    format!(
        "{} on {kind}: {:>9} ops/s, {:>6} hits, p50 {:>8}, p99 {:>8}",
        workload.letter(),
        rate(totals.requests() as f64 / during.as_secs_f64()),
        percent(totals.hit_ratio()),
        latency(totals.latency(0.5)),
        latency(totals.latency(0.99)),
    )
}

/// Of requests.
pub fn rate(per_second: f64) -> String {
    HumanCount(per_second as u64).to_string()
}

/// Of nothing there is no share.
pub fn percent(share: Option<f64>) -> String {
    share.map_or("-".into(), |share| format!("{:.1} %", share * 100.0))
}

/// To a tenth.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// In the unit that suits.
pub fn latency(ns: Option<u64>) -> String {
    match ns {
        None => "-".into(),
        Some(ns @ ..10_000) => format!("{ns} ns"),
        Some(ns @ ..10_000_000) => format!("{:.1} us", ns as f64 / 1e3),
        Some(ns) => format!("{:.1} ms", ns as f64 / 1e6),
    }
}
