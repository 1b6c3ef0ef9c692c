//! The steps of the first-chunk search: who is near whom, and how many units
//! share an allocation.
//!
//! More units an allocation mean fewer allocations but more empty slots,
//! so `upa` is searched downwards:
//!
//! ```text
//! sum    = static + reserved + max(dynamic, early minimum), rounded up to pages
//! least  = max(sum, minimum unit)           alloc = least rounded up to atoms
//! max    = alloc / least, lowered until it divides the pages of alloc
//! groups : the lowest CPU left seeds one; every CPU at LOCAL distance from it
//!          in both directions joins
//! for upa in max, max - 1 .. 1, where upa divides the pages of alloc:
//!     allocs = sum over groups of ceil(CPUs / upa)
//!     wasted = allocs * upa - CPUs
//!     wasted > CPUs / 3            -> next
//!     allocs > the last accepted   -> stop
//!     accept
//! unit   = alloc / the last accepted
//! ```
//!
//! Near is judged from the seed alone, so a group is not always a clique. A third
//! is by integer division: two CPUs may waste nothing.

use crate::cpu::CpuId;
use crate::sys::{LOCAL_DISTANCE, NodeId, Topology};

/// The largest divisor of `pages` up to `limit`, which is at least 1.
pub(super) fn largest_divisor(pages: usize, limit: usize) -> usize {
    if pages.is_power_of_two() {
        // One atom: a search would be long where the atom is huge.
        return 1 << limit.min(pages).ilog2();
    }
    // Two atoms or more: the unit is larger than all but the last, limit is 1.
    (1..=limit).rev().find(|&upa| pages.is_multiple_of(upa)).unwrap_or(1)
}

/// The CPUs of each group, ascending; groups by their lowest CPU.
pub(super) fn group_cpus(topology: &Topology) -> Vec<Vec<CpuId>> {
    let nodes: Vec<NodeId> = topology.nodes().collect();
    let near = |a, b| {
        topology.distance(a, b) == LOCAL_DISTANCE && topology.distance(b, a) == LOCAL_DISTANCE
    };
    // CPUs of one node are near each other, so nodes are grouped, in the order
    // in which their CPUs come up.
    let mut group_of_node: Vec<Option<usize>> = vec![None; topology.nr_node_ids()];
    let mut groups: Vec<Vec<CpuId>> = Vec::new();
    for cpu in topology.possible().iter() {
        let Some(node) = topology.node_of(cpu) else { continue };
        let group = match group_of_node[node.get() as usize] {
            Some(group) => group,
            None => {
                let joining = nodes.iter().copied().filter(|&other| near(node, other));
                for other in joining {
                    group_of_node[other.get() as usize].get_or_insert(groups.len());
                }
                groups.push(Vec::new());
                groups.len() - 1
            }
        };
        groups[group].push(cpu);
    }
    groups
}

/// The best units per allocation: the loop in the module's text.
pub(super) fn search_upa(alloc_pages: usize, max_upa: usize, counts: &[usize]) -> usize {
    let cpus: usize = counts.iter().sum();
    let allowed = cpus / 3;
    // Any more and the first allocation alone would waste too much.
    let max_upa = max_upa.min(cpus + allowed);
    let (mut best, mut best_allocs) = (1, usize::MAX);
    for upa in (1..=max_upa).rev().filter(|&upa| alloc_pages.is_multiple_of(upa)) {
        let allocs: usize = counts.iter().map(|count| count.div_ceil(upa)).sum();
        if allocs * upa - cpus > allowed {
            continue;
        }
        if allocs > best_allocs {
            break;
        }
        (best, best_allocs) = (upa, allocs);
    }
    best
}
