//! [`SlabOptions`]: what may be chosen about slabs.

use super::sizes::{MAX_ORDER, PAGE};

/// What may be chosen about slabs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[doc(alias = "min_partial")]
pub struct SlabOptions {
    /// The least number of objects that a slab should have; by default it goes by the
    /// number of CPUs.
    #[doc(alias = "slab_min_objects")]
    pub min_objects: Option<usize>,
    /// Slabs have at most 2 to this power pages if that holds one object at least.
    #[doc(alias = "slab_max_order")]
    pub max_order: u32,
    /// Partial slabs a node keeps although they are empty; by default it goes by the
    /// size.
    pub min_partial: Option<usize>,
    /// The most objects that may be out.
    pub limit: Option<usize>,
    /// The most bytes that slabs may have.
    pub max_bytes: Option<usize>,
    /// What is done to each object when its slab is made.
    #[doc(alias = "ctor")]
    pub constructor: Option<Constructor>,
    /// The machine, for tests.
    #[doc(hidden)]
    pub numa: Option<Numa>,
}

impl Default for SlabOptions {
    fn default() -> Self {
        Self {
            min_objects: None,
            max_order: MAX_ORDER,
            min_partial: None,
            limit: None,
            max_bytes: None,
            constructor: None,
            numa: None,
        }
    }
}

/// What is done to each object when its slab is made.
#[derive(Clone, Copy, Debug)]
pub struct Constructor {
    /// Is given the address of an object, and the context.
    pub call: unsafe fn(object: *mut u8, context: usize),
    /// Whatever it wants to know.
    pub context: usize,
}

/// Nodes of memory.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Numa {
    /// How many, 1 at least.
    pub nodes: usize,
    /// Which one this thread is on.
    pub here: fn() -> usize,
    /// How far it is from one to another.
    pub distance: fn(usize, usize) -> u32,
    /// Whether the system knows them by these numbers.
    pub real: bool,
}

impl Numa {
    /// One node.
    pub(super) const ONE: Self = Self { nodes: 1, here: || 0, distance: |_, _| 10, real: false };

    /// This machine's.
    ///
    /// # Errors
    /// If per-CPU memory cannot be set up.
    #[cfg(not(percpu_loom))]
    pub(super) fn machine() -> Result<Self, percpu_core::Error> {
        use percpu_core::{NodeId, current_node, info};
        let nodes = info()?.topology().nr_node_ids().max(1);
        let here = || current_node().map_or(0, |node| node.get() as usize);
        let distance = |from: usize, to: usize| {
            let node = |node: usize| NodeId::new(node as u32);
            info().map_or(0, |info| info.topology().distance(node(from), node(to)))
        };
        Ok(Self { nodes, here, distance, real: true })
    }

    #[cfg(percpu_loom)]
    pub(super) fn machine() -> Result<Self, percpu_core::Error> {
        Ok(Self::ONE)
    }
}

/// CPUs that objects per slab are computed for.
///
/// # Errors
/// If per-CPU memory cannot be set up.
pub(super) fn cpus() -> Result<usize, percpu_core::Error> {
    #[cfg(not(percpu_loom))]
    {
        Ok(percpu_core::info()?.topology().possible().len())
    }
    #[cfg(percpu_loom)]
    {
        Ok(2)
    }
}

/// The most slabs of so many bytes within the bytes that are allowed.
pub(super) fn max_slabs(max_bytes: Option<usize>, slab: usize) -> usize {
    debug_assert!(slab >= PAGE);
    max_bytes.map_or(usize::MAX, |bytes| bytes / slab)
}
