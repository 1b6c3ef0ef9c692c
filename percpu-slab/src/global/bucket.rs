//! [`Bucket`]: free blocks of one size class on every CPU, above a depot a node.
//!
//! The same as [`Magazines`](crate::raw::Magazines), but fit for the inside of an
//! allocation: by the core's operations that refuse in place of waiting, and with no
//! per-CPU word beside the stack. What is refused goes to the slabs below. Only
//! making one allocates.
//!
//! # Invariants
//! - B1: a block is at one place: at a user's, on one stack, in one cell of a depot, in
//!   the hands of a thread in here, or in its slab.

use percpu_core::__raw::{RawStack, Refused, mutated};
use percpu_core::Unit;

#[cfg(not(percpu_loom))]
use super::classes::{magazine_of_class, size_of_class};
use crate::error::Error;
use crate::raw::{Depot, Slabs, Source};

/// The most blocks of a magazine.
const MOST: usize = 60;

/// Magazines that a CPU may hold.
#[cfg(not(percpu_loom))]
const MAGAZINES: usize = 3;

/// The most bytes that a depot may hold.
#[cfg(not(percpu_loom))]
const DEPOT_BYTES: usize = 256 << 10;

/// Free blocks of one size class on every CPU, above a depot a node.
#[derive(Debug)]
pub struct Bucket {
    stack: RawStack,
    /// Blocks.
    magazine: usize,
    depots: Box<[Depot]>,
}

impl Bucket {
    /// An empty one.
    #[cfg(not(percpu_loom))]
    pub(super) fn new(class: usize) -> Result<Self, Error> {
        let magazine = magazine_of_class(class);
        let nodes = percpu_core::info()?.topology().nr_node_ids();
        let magazines = (DEPOT_BYTES / (magazine * size_of_class(class))).clamp(2, 10);
        Self::with(magazine, MAGAZINES, nodes, magazines)
    }

    /// An empty one: blocks of a magazine, magazines of a CPU, nodes, magazines of each
    /// depot.
    ///
    /// # Errors
    /// As [`RawStack::with_capacity`].
    pub fn with(
        magazine: usize,
        magazines: usize,
        nodes: usize,
        depot: usize,
    ) -> Result<Self, Error> {
        Ok(Self {
            stack: RawStack::with_capacity(magazine * magazines)?,
            magazine,
            depots: (0..nodes).map(|_| Depot::new(depot, magazine)).collect(),
        })
    }

    /// A block of this CPU's, if there is one.
    ///
    /// # Errors
    /// There is none, or none is to be had now.
    #[inline(always)]
    pub fn pop(&self) -> Result<u64, Refused> {
        self.stack.pop_inside()
    }

    /// Gives this CPU a block, if there is room.
    ///
    /// # Errors
    /// There is none, or nothing is to be put now.
    #[inline(always)]
    pub fn push(&self, block: u64) -> Result<(), Refused> {
        self.stack.push_inside(block)
    }

    /// A block, after `pop` was refused.
    ///
    /// # Errors
    /// The system's.
    pub fn refill(&self, refused: Refused, slabs: &Slabs) -> Result<u64, Error> {
        let mut buffer = [0; MOST];
        let blocks = match refused {
            Refused::Bounds => &mut buffer[..self.magazine],
            // Nothing could be put on a stack now.
            Refused::Stopped => &mut buffer[..1],
        };
        let mut count = 0;
        if refused == Refused::Bounds {
            count = self.depot().take(blocks);
        }
        if count == 0 {
            count = slabs.refill(blocks)?;
        }
        let (block, rest) = blocks[..count].split_last().expect("one at least");
        if !rest.is_empty() {
            let pushed = self.stack.push_batch_inside(rest, 1).unwrap_or(0);
            if !mutated("bucket_rest_is_pushed") {
                self.store(&rest[pushed..], slabs);
            }
        }
        Ok(*block)
    }

    /// Takes a block, after `push` was refused.
    pub fn spill(&self, block: u64, refused: Refused, slabs: &Slabs) {
        let mut buffer = [0; MOST];
        if refused == Refused::Bounds {
            // A whole magazine goes, and this CPU has room again.
            let blocks = &mut buffer[..self.magazine];
            if let Ok(count) = self.stack.pop_into_inside(blocks, 1) {
                self.store(&blocks[..count], slabs);
                if self.push(block).is_ok() {
                    return;
                }
            }
        }
        if !mutated("bucket_refused_is_pushed") {
            slabs.release(&[block]);
        }
    }

    /// Blocks for which there is no room on a stack.
    fn store(&self, blocks: &[u64], slabs: &Slabs) {
        if !blocks.is_empty() && !self.depot().put(blocks) {
            slabs.release(blocks);
        }
    }

    /// This node's.
    fn depot(&self) -> &Depot {
        Depot::here(&self.depots)
    }

    /// In a forked child, before it does anything else.
    #[cfg(not(percpu_loom))]
    pub(super) fn open_in_child(&self) {
        self.stack.open_in_child();
    }

    /// How many blocks lay here a moment ago.
    pub fn cached(&self) -> usize {
        let units = Unit::all().into_iter().flatten();
        let stacks: usize = units.map(|unit| self.stack.len_on(unit)).sum();
        stacks + self.depots.iter().map(Depot::items).sum::<usize>()
    }

    /// Gives all blocks to the slabs. Not inside an allocation.
    ///
    /// # Errors
    /// The system refuses the fence; some blocks may have gone already.
    pub fn flush(&self, slabs: &Slabs) -> Result<(), Error> {
        let mut buffer = [0; MOST];
        for unit in Unit::all()? {
            let mut count = 0;
            let drained = self.stack.drain_unit(unit, |block| {
                buffer[count] = block;
                count += 1;
                if count == MOST {
                    slabs.release(&buffer);
                    count = 0;
                }
            });
            if count > 0 {
                slabs.release(&buffer[..count]);
            }
            drained?;
        }
        for depot in &self.depots {
            loop {
                match depot.take(&mut buffer[..self.magazine]) {
                    0 => break,
                    count => slabs.release(&buffer[..count]),
                }
            }
        }
        Ok(())
    }
}
