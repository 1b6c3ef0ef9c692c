//! Median and minimum.

/// What a series of runs comes to, in nanoseconds per operation per thread.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// The run in the middle.
    pub median: f64,
    /// The run least disturbed.
    pub min: f64,
    /// How many runs.
    pub runs: usize,
}

impl Summary {
    /// Summarises `runs`, or `None` without a run.
    pub fn of(runs: &[f64]) -> Option<Self> {
        let mut sorted = runs.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (&min, middle) = (sorted.first()?, sorted.len() / 2);
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { median, min, runs: sorted.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn median_and_minimum() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[3.0]), Some(Summary { median: 3.0, min: 3.0, runs: 1 }));
        assert_eq!(Summary::of(&[9.0, 1.0, 2.0]).map(|s| (s.median, s.min)), Some((2.0, 1.0)));
        assert_eq!(Summary::of(&[4.0, 1.0, 9.0, 2.0]).map(|s| s.median), Some(3.0));
    }
}
