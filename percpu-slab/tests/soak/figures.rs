//! How much memory the process has, round after round.

use std::fmt;

/// What a process may have more in the second half of a run than in the first: 5 % and
/// this, in KiB.
const SLACK: u64 = 8 * 1024;

/// A run of fewer rounds is still warming up.
const ROUNDS: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Figures {
    resident: Vec<u64>,
    mappings: Vec<usize>,
}

impl Figures {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn note(&mut self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let resident = line.split_whitespace().next().unwrap().parse().unwrap();
        let mappings = crate::common::maps().len();
        println!("round {}: {resident} KiB, {mappings} mappings", self.resident.len());
        self.resident.push(resident);
        self.mappings.push(mappings);
    }

    /// The most there was in the first half, warming up apart, and in the second.
    fn halves<T: Copy + Ord>(rounds: &[T]) -> Option<(T, T)> {
        let (first, second) = rounds.get(rounds.len() / 10..)?.split_at(rounds.len() / 2);
        Some((*first.iter().max()?, *second.iter().max()?))
    }

    pub(crate) fn assert_flat(&self) {
        if self.resident.len() < ROUNDS {
            return;
        }
        let (first, second) = Self::halves(&self.resident).unwrap();
        assert!(second <= first + first / 20 + SLACK, "memory grows: {self}");
        let (first, second) = Self::halves(&self.mappings).unwrap();
        assert!(second <= first + first / 20 + 32, "mappings grow: {self}");
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.resident.len();
        match (Self::halves(&self.resident), Self::halves(&self.mappings)) {
            (Some(resident), Some(mappings)) => write!(
                f,
                "{rounds} rounds; most in the first half and in the second: {} and {} KiB, \
                 {} and {} mappings",
                resident.0, resident.1, mappings.0, mappings.1
            ),
            _ => write!(f, "{rounds} rounds"),
        }
    }
}

#[test]
fn flat_memory_is_flat() {
    let resident = (0..20).map(|round| 100_000 + round % 3 * 500).collect();
    Figures { resident, mappings: vec![70; 20] }.assert_flat();
}

#[test]
#[should_panic = "memory grows"]
fn a_leak_is_noticed() {
    let resident = (0..20).map(|round| 100_000 + round * 2_000).collect();
    Figures { resident, mappings: vec![70; 20] }.assert_flat();
}

#[test]
#[should_panic = "mappings grow"]
fn a_leak_of_mappings_is_noticed() {
    let mappings = (0..20).map(|round| 70 + round * 10).collect();
    Figures { resident: vec![100_000; 20], mappings }.assert_flat();
}
