//! A table of medians with ratios.

use std::fmt;

use crate::contender::Contender;

/// What was measured, row by row.
#[derive(Debug)]
pub(crate) struct Report {
    title: &'static str,
    unit: &'static str,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: &'static str,
    threads: usize,
    medians: [f64; 3],
    note: String,
}

impl Report {
    /// A table without rows.
    pub(crate) fn new(title: &'static str, unit: &'static str) -> Self {
        Self { title, unit, rows: Vec::new() }
    }

    /// Adds a row: the runs of each of [`Contender::ALL`], and what else there is to say.
    pub(crate) fn row(
        &mut self,
        what: &'static str,
        threads: usize,
        runs: [Vec<f64>; 3],
        note: String,
    ) {
        self.rows.push(Row { what, threads, medians: runs.map(median), note });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [greedy, fair, percpu] = Contender::ALL.map(|contender| format!("{contender:?}"));
        writeln!(f, "{} ({})", self.title, self.unit)?;
        writeln!(
            f,
            "{:<22} {:>7} {greedy:>9} {fair:>9} {percpu:>9} {:>14} {:>14}",
            "",
            "threads",
            format!("{greedy}/{percpu}"),
            format!("{fair}/{percpu}")
        )?;
        for Row { what, threads, medians: [greedy, fair, percpu], note } in &self.rows {
            writeln!(
                f,
                "{what:<22} {threads:>7} {greedy:>9.1} {fair:>9.1} {percpu:>9.1} {:>14.2} {:>14.2}  {note}",
                greedy / percpu,
                fair / percpu
            )?;
        }
        Ok(())
    }
}

fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_unstable_by(f64::total_cmp);
    let middle = runs.len() / 2;
    if runs.len() % 2 == 1 { runs[middle] } else { f64::midpoint(runs[middle - 1], runs[middle]) }
}
