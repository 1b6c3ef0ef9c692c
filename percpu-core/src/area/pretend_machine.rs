//! The allocator on a pretend machine, with every area it gave looked after.

use core::ops::Range;

use super::allocator::Allocator;
use super::first_chunk::{self, First};
use super::pointer::BIAS;
use super::request::Request;
use crate::config::Config;
use crate::error::Error;
use crate::sys::pretend::Pretend;
use crate::sys::topology::Topology;

/// Enough for any layout of these tests.
pub(super) const SPACE: usize = usize::MAX / 4 + 1;

/// A small random generator (xorshift): a test that fails must fail again.
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) pointer: usize,
    pub(super) size: usize,
    stamp: u8,
}

/// An allocator, which units are in use, and what is live.
pub(super) struct Rig {
    pub(super) system: Pretend,
    pub(super) memory: Allocator<Pretend>,
    /// Address of each unit in the first chunk.
    pub(super) units: Vec<usize>,
    /// Units that are written to: as on a real machine, few of many.
    active: Vec<usize>,
    pub(super) live: Vec<Live>,
    stamp: u8,
}

impl Rig {
    pub(super) fn new(config: &Config, topology: &Topology) -> Self {
        Self::on(Pretend::new(SPACE), config, topology).expect("a pretend machine has room")
    }

    pub(super) fn on(system: Pretend, config: &Config, topology: &Topology) -> Result<Self, Error> {
        let first = first_chunk::set_up(config, topology, 1000, system.clone())?;
        let First { layout, spans, span, .. } = first;
        let base = crate::sys::memory::Span::base(&span);
        let units: Vec<_> = spans.units().iter().map(|offset| base + offset).collect();
        let last = units.len() - 1;
        let mut active = vec![0, last / 2, last];
        active.dedup();
        let memory = Allocator::new(layout, spans, span);
        Ok(Self { system, memory, units, active, live: Vec::new(), stamp: 0 })
    }

    /// Where the copy of a unit lies.
    pub(super) fn copy(&self, unit: usize, pointer: usize) -> usize {
        (self.units[unit] - BIAS).wrapping_add(pointer)
    }

    /// Allocates as `PerCpu::zeroed` does, checks the area and marks it.
    pub(super) fn alloc(&mut self, request: Request) -> Result<Live, Error> {
        let shelf = self.active[usize::from(self.stamp) % self.active.len()] as u32;
        let fresh = self.memory.alloc(request, shelf)?;
        let Request { size, align, .. } = request;
        for unit in 0..self.units.len() {
            assert_eq!(self.copy(unit, fresh.pointer) % align, 0, "aligned in unit {unit}");
        }
        self.stamp = self.stamp % 250 + 1;
        let live = Live { pointer: fresh.pointer, size, stamp: self.stamp };
        for &unit in &self.active {
            let copy = self.copy(unit, live.pointer);
            if fresh.needs_zero {
                self.system.fill(copy..copy + size, 0);
            }
            assert!(self.system.holds(copy..copy + size, 0), "zero in unit {unit}");
            self.system.fill(copy..copy + size, live.stamp);
        }
        let idle = self.copy(self.units.len() / 3, live.pointer);
        if !self.active.contains(&(self.units.len() / 3)) {
            assert!(self.system.holds(idle..idle + size, 0), "an idle unit");
        }
        self.live.push(live.clone());
        Ok(live)
    }

    /// Frees the `nth` live area, if it still holds its mark.
    pub(super) fn free(&mut self, nth: usize) {
        let live = self.live.swap_remove(nth);
        for &unit in &self.active {
            let copy = self.copy(unit, live.pointer);
            let intact = self.system.holds(copy..copy + live.size, live.stamp);
            assert!(intact, "nobody else wrote to {live:?} in unit {unit}");
        }
        let shelf = self.active[nth % self.active.len()] as u32;
        self.memory.free(live.pointer, live.size, shelf);
    }

    pub(super) fn free_all(&mut self) {
        while let Some(last) = self.live.len().checked_sub(1) {
            self.free(last);
        }
    }

    /// The addresses of a span's pages in one unit.
    pub(super) fn pages(&self, base: usize, unit: usize, pages: Range<usize>) -> Range<usize> {
        let start = base + (self.units[unit] - self.units_base());
        start + pages.start * 4096..start + pages.end * 4096
    }

    fn units_base(&self) -> usize {
        self.memory.first
    }

    /// Invariants I1 to I6 of the whole allocator, and the books against the
    /// system's.
    pub(super) fn check(&self) {
        let index = self.memory.index.lock();
        index.set.check_invariants();
        let state = self.system.state();
        assert!(index.by_address.is_sorted());
        assert_eq!(index.by_address.len(), state.spans.len(), "a span a chunk");
        for &(base, id) in &index.by_address {
            let chunk = index.set.get(id).expect("a chunk for each address");
            assert!(state.spans.contains_key(&base));
            // I6: what is handed out lies in populated pages.
            for (offset, size) in chunk.allocations() {
                let mut pages = offset / 4096..=(offset + size - 1) / 4096;
                assert!(pages.all(|nth| chunk.is_page_populated(nth)), "I6 in chunk {id:?}");
            }
            // Populated pages are backed in every unit.
            if self.memory.spans.is_eager() && !chunk.is_immutable() {
                for unit in [0, self.units.len() / 2, self.units.len() - 1] {
                    for nth in 0..chunk.nr_blocks() {
                        let backed = state.backed_in(self.pages(base, unit, nth..nth + 1)) == 1;
                        assert!(backed || !chunk.is_page_populated(nth), "page {nth}, unit {unit}");
                    }
                }
            }
        }
    }

    /// Chunks, the first included.
    pub(super) fn chunks(&self) -> usize {
        self.memory.chunk_count()
    }

    /// Pages that are backed, in all units.
    pub(super) fn backed(&self) -> usize {
        self.system.state().backed.len()
    }

    /// Random requests and frees, `steps` of them.
    pub(super) fn churn(&mut self, dice: &mut Dice, steps: usize) {
        for _ in 0..steps {
            if self.live.is_empty() || dice.below(3) > 0 {
                let (size, align) = (dice.below(1024) + 1, 2 << dice.below(11));
                // A machine out of memory refuses; everything else is an error.
                match self.alloc(Request::dynamic(size, align)) {
                    Ok(_) | Err(Error::OutOfMemory { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            } else {
                self.free(dice.below(self.live.len()));
            }
        }
    }
}
