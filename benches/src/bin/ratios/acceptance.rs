//! [`judge`]: the ratios the project holds itself to.

use std::fmt;

use percpu_benches::contender::Counter;
use percpu_benches::job::Group;
use percpu_benches::ours;
use percpu_benches::rivals::{Contatori, FastCounter, Floor, Hytra};

use crate::measure::{Measured, Run};

/// One ratio and its bound.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Row {
    name: String,
    /// `None` when a side of the ratio was not measured: then it does not hold.
    ratio: Option<f64>,
    bound: Bound,
    pub(crate) ok: bool,
}

/// Which side of a number is good.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(bound) => ratio <= bound,
            Self::AtLeast(bound) => ratio >= bound,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match self.ratio {
            Some(ratio) => write!(f, "{ratio:.2}")?,
            None => f.write_str("not measured")?,
        }
        match self.bound {
            Bound::AtMost(bound) => write!(f, " (<= {bound})")?,
            Bound::AtLeast(bound) => write!(f, " (>= {bound})")?,
        }
        f.write_str(if self.ok { " ok" } else { " DOES NOT HOLD" })
    }
}

/// Every bound, judged by the medians of one thread unless it says otherwise.
///
/// Against the floor like is set against like, medians and then minima: the
/// floor jumps between runs, as the core forwards a store to the next load at no
/// cost or not, and where a sibling thread shares the core all figures double.
pub(crate) fn judge(run: &Run) -> Vec<Row> {
    let ours = |group: Group| {
        let name = if group == Group::Random { ours::PACKED } else { ours::STATIC };
        (name, run.find(group, name))
    };
    let mut rows = Vec::new();

    let floor = run.find(Group::Inc, Floor::NAME);
    let inc = ours(Group::Inc).1;
    let medians = ratio(inc, |m| m.one.median, floor, |m| m.one.median);
    rows.push(row("inc static / floor, medians".into(), medians, Bound::AtMost(3.5)));
    let minima = ratio(inc, |m| m.one.min, floor, |m| m.one.min);
    rows.push(row("inc static / floor, minima".into(), minima, Bound::AtMost(3.5)));

    for (group, rival, bound) in [
        (Group::Inc, FastCounter::NAME, 4.5),
        (Group::Inc, Contatori::NAME, 4.5),
        (Group::Add, FastCounter::NAME, 2.3),
        (Group::Add, Contatori::NAME, 2.3),
        (Group::Random, FastCounter::NAME, 4.5),
        (Group::Random, Contatori::NAME, 4.5),
        (Group::Random, Hytra::NAME, 20.0),
    ] {
        let (name, ours) = ours(group);
        let times = ratio(run.find(group, rival), |m| m.one.median, ours, |m| m.one.median);
        rows.push(row(format!("{group}: {rival} / {name}"), times, Bound::AtLeast(bound)));
    }

    for group in Group::ALL {
        let (name, ours) = ours(group);
        let growth = ratio(ours, |m| m.two.median, ours, |m| m.one.median);
        rows.push(row(format!("{group}: {name}, 2 threads / 1"), growth, Bound::AtMost(1.15)));
    }
    rows
}

fn ratio(
    top: Option<&Measured>,
    top_of: fn(&Measured) -> f64,
    bottom: Option<&Measured>,
    bottom_of: fn(&Measured) -> f64,
) -> Option<f64> {
    Some(top_of(top?) / bottom_of(bottom?))
}

fn row(name: String, ratio: Option<f64>, bound: Bound) -> Row {
    Row { name, ratio, bound, ok: ratio.is_some_and(|ratio| bound.holds(ratio)) }
}

#[cfg(test)]
mod tests {
    use percpu_benches::stats::Summary;

    use super::*;

    fn measured(group: Group, name: &'static str, one: f64, two: f64) -> Measured {
        let summary = |median| Summary { median, min: median, runs: 31 };
        Measured { group, name, ours: false, one: summary(one), two: summary(two) }
    }

    fn run_of(results: Vec<Measured>) -> Run {
        Run { model: None, crowd: 0, cpus: Vec::new(), results }
    }

    #[test]
    fn nothing_measured_nothing_holds() {
        let rows = judge(&run_of(Vec::new()));
        assert_eq!(rows.len(), 12);
        assert!(rows.iter().all(|row| !row.ok && row.to_string().contains("not measured")));
    }

    #[test]
    fn bounds_face_the_right_way() {
        let mut results = vec![measured(Group::Inc, Floor::NAME, 0.3, 0.3)];
        for (group, name) in
            [(Group::Inc, ours::STATIC), (Group::Add, ours::STATIC), (Group::Random, ours::PACKED)]
        {
            results.push(measured(group, name, 1.0, 1.1));
            for rival in [FastCounter::NAME, Contatori::NAME] {
                results.push(measured(group, rival, 5.0, 6.0));
            }
            results.push(measured(group, Hytra::NAME, 21.0, 21.0));
        }
        let mut run = run_of(results);
        assert!(judge(&run).iter().all(|row| row.ok), "{:#?}", judge(&run));

        // Ours ten times slower: only the growth from one thread to two stays.
        for ours in run.results.iter_mut().filter(|m| m.one.median == 1.0) {
            (ours.one.median, ours.one.min, ours.two.median) = (10.0, 10.0, 11.0);
        }
        let held = judge(&run).iter().filter(|row| row.ok).count();
        assert_eq!(held, 3);
    }
}
