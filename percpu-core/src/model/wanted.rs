//! [`Wanted`]: what a search is asked for.

use super::plan::Plan;

/// The machine, and bounds; each engine heeds those it knows.
#[derive(Debug)]
#[allow(dead_code, reason = "each heeds what it knows")]
pub(super) struct Wanted {
    pub(super) cpus: u32,
    pub(super) has_sections: bool,
    pub(super) faults: Option<usize>,
    pub(super) preemptions: Option<usize>,
    pub(super) plan: Option<Plan>,
    pub(super) iterations: Option<usize>,
}
