//! [`Plan`]: which chances the kernel takes.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;

/// Where the machine fails a section: a set of (thread, k-th chance) pairs.
///
/// Threads are counted in the order in which they were spawned, the model's
/// closure being thread 0; chances are counted by each thread on its own. As
/// text, `1.2+2.0` is the third chance of thread 1 and the first of thread 2,
/// and `none` is the empty plan; [`Builder::plan`](super::Builder::plan) and
/// the environment's `PERCPU_LOOM_PLAN` take that.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plan(BTreeSet<(u32, u32)>);

#[cfg_attr(percpu_shuttle, allow(dead_code, reason = "no search over plans"))]
impl Plan {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, thread: u32, chance: u32) -> bool {
        self.0.contains(&(thread, chance))
    }

    /// The plans with one more fault, each later in its thread than the faults
    /// there are; `reached[thread]` chances came up in the runs of this plan.
    pub(super) fn extensions<'a>(&'a self, reached: &'a [u32]) -> impl Iterator<Item = Plan> + 'a {
        (0u32..).zip(reached).flat_map(move |(thread, &reached)| {
            let taken = self.0.range((thread, 0)..=(thread, u32::MAX)).next_back();
            let from = taken.map_or(0, |&(_, chance)| chance + 1);
            (from..reached).map(move |chance| {
                let mut plan = self.clone();
                plan.0.insert((thread, chance));
                plan
            })
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (i, (thread, chance)) in self.0.iter().enumerate() {
            let plus = if i == 0 { "" } else { "+" };
            write!(f, "{plus}{thread}.{chance}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({self})")
    }
}

/// A text that is no [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsePlanError(String);

impl fmt::Display for ParsePlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no plan: `none`, or faults as in `1.2+2.0`", self.0)
    }
}

impl std::error::Error for ParsePlanError {}

impl FromStr for Plan {
    type Err = ParsePlanError;

    fn from_str(text: &str) -> Result<Self, ParsePlanError> {
        if text == "none" {
            return Ok(Self::default());
        }
        let fault = |fault: &str| {
            let (thread, chance) = fault.split_once('.')?;
            Some((thread.parse().ok()?, chance.parse().ok()?))
        };
        text.split('+')
            .map(|part| fault(part).ok_or_else(|| ParsePlanError(text.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
