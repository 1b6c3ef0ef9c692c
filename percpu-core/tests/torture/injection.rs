//! The matrix: what is done to a case, and where.

use std::fmt;

/// What happens at a point outside of the sections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Delay(u64),
    Yield,
    Signal,
    Sleep,
}

/// What happens to the threads meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Storm {
    Quiet,
    Signals,
    Affinity,
    Preemption,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Injection {
    Nothing(Storm),
    /// Turns of a loop at a point in the sections.
    Inside {
        point: usize,
        turns: u64,
        storm: Storm,
    },
    /// At a point around sections, so many times in a hundred. The sections have a
    /// delay then, so that who is disturbed there is seen.
    Outside {
        point: usize,
        kind: Kind,
        percent: u64,
    },
}

/// In the sections, before the commit: what the others go by while something happens
/// outside.
pub const BESIDES: (usize, u64) = (2, 1_000);

const STORMS: [Storm; 4] = [Storm::Quiet, Storm::Signals, Storm::Affinity, Storm::Preemption];
const TURNS: [u64; 3] = [300, 3_000, 30_000];

/// All that can be done to a case that comes to `points`.
pub fn all(points: &[usize]) -> Vec<Injection> {
    let mut all: Vec<_> = STORMS.map(Injection::Nothing).into();
    for point in 0..3 {
        for turns in TURNS {
            all.extend(STORMS.map(|storm| Injection::Inside { point, turns, storm }));
        }
    }
    for &point in points {
        all.push(Injection::Outside { point, kind: Kind::Delay(30_000), percent: 100 });
        for kind in [Kind::Yield, Kind::Signal, Kind::Sleep] {
            all.extend([25, 50, 100].map(|percent| Injection::Outside { point, kind, percent }));
        }
    }
    all
}

/// Some of them: every point and every kind, if not each with each.
pub fn some(points: &[usize]) -> Vec<Injection> {
    let all = all(points).into_iter().enumerate();
    all.filter(|(n, injection)| match injection {
        Injection::Nothing(storm) => *storm == Storm::Quiet,
        Injection::Inside { turns, storm, .. } => match *turns {
            3_000 => *storm == Storm::Quiet || *storm == Storm::Signals,
            30_000 => *storm == Storm::Preemption,
            _ => *storm == Storm::Affinity,
        },
        // A tenth belongs to each point.
        Injection::Outside { .. } => n % 7 == 0,
    })
    .map(|(_, injection)| injection)
    .collect()
}

impl Injection {
    pub fn storm(self) -> Storm {
        match self {
            Self::Nothing(storm) | Self::Inside { storm, .. } => storm,
            Self::Outside { .. } => Storm::Quiet,
        }
    }

    /// The delay in the sections.
    pub fn inside(self) -> Option<(usize, u64)> {
        match self {
            Self::Nothing(_) => None,
            Self::Inside { point, turns, .. } => Some((point, turns)),
            Self::Outside { .. } => Some(BESIDES),
        }
    }

    /// Whether threads are surely interrupted in a section: they spend most of their
    /// time there.
    pub fn must_abort(self) -> bool {
        matches!(self, Self::Inside { point: 1 | 2, turns: 3_000.., .. })
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing(storm) => write!(f, "nothing, {storm:?}"),
            Self::Inside { point, turns, storm } => {
                write!(f, "point {point}, {turns} turns, {storm:?}")
            }
            Self::Outside { point, kind, percent } => {
                write!(f, "point {point}, {kind:?} at {percent} %")
            }
        }
    }
}
