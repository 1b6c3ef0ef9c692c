//! The allocator on a pretend machine, driven by bytes while the system refuses what the
//! bytes say: for the property test and the fuzz target.
//!
//! Four bytes are a [`Shape`], and four a step: what to do, and with what. The
//! [`Rig`] looks after every area: aligned in every unit, zero when it comes, nobody
//! else's until it goes. Every few steps the index is compared with the system's books.

#![cfg_attr(not(fuzzing), allow(unreachable_pub, reason = "only fuzz targets reach it"))]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::pretend_machine::{Rig, SPACE};
use super::request::{Region, Request};
use crate::config::{Backing, Config, FirstChunk};
use crate::error::Error;
use crate::sys::memory::NO_MEMORY;
use crate::sys::pretend::{Call, Pretend};
use crate::sys::topology::Topology;

/// A machine and its configuration.
#[derive(Debug)]
pub struct Shape {
    topology: Topology,
    config: Config,
    /// Bytes of address space.
    space: usize,
    /// Which call fails before there is an allocator, if one does.
    fail_at: Option<usize>,
}

impl Shape {
    /// What the bytes say: CPUs and nodes; backing and first chunk; reserved bytes; how
    /// much address space there is and whether a call of the set-up fails.
    #[must_use]
    pub fn of([cpus, kind, reserved, space]: [u8; 4]) -> Self {
        let nodes = u32::from(cpus >> 5) + 1;
        let count = u32::from(cpus % 32) + 1;
        // Sparse ids, now and then.
        let stride = if kind & 16 == 0 { 1 } else { 3 };
        let mut topology = Topology::builder().cpus((0..count).map(|cpu| cpu * stride));
        for node in 0..nodes.min(count) {
            let cpus = (node..count).step_by(nodes as usize).map(|cpu| cpu * stride);
            topology = topology.node(node, cpus);
        }
        let backing = [Backing::Eager, Backing::Lazy, Backing::Huge][usize::from(kind) % 3];
        let chunk = [FirstChunk::Page, FirstChunk::Auto, FirstChunk::Page, FirstChunk::Embed];
        Self {
            topology: topology.build().expect("at least one CPU"),
            config: Config::default()
                .backing(backing)
                .first_chunk(chunk[usize::from(kind >> 2) % 4])
                .bind_to_nodes(kind & 32 == 0)
                .reserved(usize::from(reserved) * 64),
            space: if space % 4 == 0 { (usize::from(space) + 2) << 20 } else { SPACE },
            fail_at: (space % 4 == 1).then_some(usize::from(space / 4)),
        }
    }
}

/// What the system refuses, by what is asked of it: bits of a mask.
const RESERVE: u8 = 1;
const POPULATE: u8 = 2;
const DISCARD: u8 = 4;
const BIND: u8 = 8;

/// An allocator on a pretend machine, and what it may refuse.
pub struct Drive {
    rig: Rig,
    refused: Arc<AtomicU8>,
    /// Whether address space may run out.
    narrow: bool,
    /// Whether a call was to fail, and may not have come yet.
    armed: bool,
    checks: usize,
}

/// Larger units are looked at less often.
const LARGE_UNIT: usize = 64 << 10;

impl Drive {
    /// Sets the first chunk up, or finds that the system refused and kept nothing.
    #[must_use]
    pub fn new(shape: &Shape) -> Option<Self> {
        let system = Pretend::new(shape.space);
        system.state().fail_at = shape.fail_at;
        let refused = Arc::new(AtomicU8::new(0));
        let mask = Arc::clone(&refused);
        system.ask(move |call| {
            let bit = match call {
                Call::Reserve(_) => RESERVE,
                Call::Populate(_) => POPULATE,
                Call::Discard(_) => DISCARD,
                Call::Bind(..) => BIND,
            };
            if mask.load(Relaxed) & bit == 0 { Ok(()) } else { Err(NO_MEMORY) }
        });
        let narrow = shape.space != SPACE;
        match Rig::on(system.clone(), &shape.config, &shape.topology) {
            Ok(rig) => {
                Some(Self { rig, refused, narrow, armed: shape.fail_at.is_some(), checks: 0 })
            }
            Err(error) => {
                assert!(narrow || shape.fail_at.is_some(), "{error}");
                assert!(!error.to_string().is_empty());
                let state = system.state();
                assert!(state.spans.is_empty() && state.backed.is_empty(), "{error}: all is back");
                None
            }
        }
    }

    /// Makes a step: what to do, and with what.
    pub fn step(&mut self, [what, a, b, c]: [u8; 4]) {
        let small = usize::from(u16::from_le_bytes([a, b]));
        let (align, nth) = (1 << (c % 14), usize::from(a));
        let dynamic = Request::dynamic(small % 1025, align);
        match what % 16 {
            0..=3 => self.alloc(dynamic),
            4 => self.alloc(Request::dynamic(small % (40 << 10), align)),
            5 => self.alloc(Request { blocking: false, ..dynamic }),
            6 => self.alloc(Request { region: Region::Reserved, ..dynamic }),
            7 => self.alloc(Request::section(small, align)),
            // Not a power of two.
            8 if c == 255 => self.alloc(Request::dynamic(8, small)),
            8..=11 if !self.rig.live.is_empty() => {
                let last = self.rig.live.len() - 1;
                self.rig.free(if what < 128 { last - nth % (last + 1) } else { nth % (last + 1) });
            }
            12 => drop(self.rig.memory.balance()),
            13 => self.rig.memory.drain((nth % self.rig.units.len()) as u32),
            14 => self.refused.store(b & (RESERVE | POPULATE | DISCARD | BIND), Relaxed),
            15 => {
                let mut state = self.rig.system.state();
                let nth = state.calls.len() + nth;
                self.armed = b != 0;
                state.fail_at = self.armed.then_some(nth);
            }
            _ => {}
        }
    }

    fn alloc(&mut self, request: Request) {
        let Request { size, align, region, blocking } = request;
        let max = match region {
            Region::Dynamic => self.rig.memory.max_size(),
            Region::Reserved | Region::Section => self.rig.memory.layout().unit_size(),
        };
        let refused = self.refused.load(Relaxed) & (RESERVE | POPULATE) != 0;
        match self.rig.alloc(request) {
            Ok(live) => {
                assert!((1..=max).contains(&size) && align.is_power_of_two() && align <= 4096);
                for unit in [0, self.rig.units.len() - 1] {
                    let address = self.rig.copy(unit, live.pointer);
                    assert!(self.rig.memory.locate(address).is_some(), "{address:x}");
                }
            }
            Err(Error::ZeroSize) => assert_eq!(size, 0),
            Err(Error::TooLarge { size: told, max: limit }) => {
                assert!(told == size && limit == max && size > max);
            }
            Err(Error::Alignment { .. }) => assert!(!align.is_power_of_two() || align > 4096),
            Err(Error::WouldBlock { .. }) => assert!(!blocking),
            Err(Error::ReservedFull { .. }) => assert_eq!(region, Region::Reserved),
            // Only where somebody has refused something.
            Err(error @ Error::OutOfMemory { .. }) => {
                assert!(refused || self.narrow || self.armed, "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Now and then the invariants of every chunk, and the books against the system's;
    /// they are checked bit by bit. What an area holds is looked at with each step.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn check(&mut self) {
        self.checks += 1;
        let small = self.rig.memory.layout().unit_size() <= LARGE_UNIT;
        if !self.checks.is_multiple_of(if small { 4 } else { 32 }) {
            return;
        }
        self.rig.check();
        let stats = self.rig.memory.stats(self.rig.units.len());
        assert_eq!(stats.nr_cur_alloc, self.rig.live.len() as u64, "{stats}");
        assert_eq!(stats.nr_chunks, self.rig.chunks());
        assert!(stats.nr_max_alloc >= stats.nr_cur_alloc + stats.front_cached, "{stats}");
    }

    /// Gives everything back: nothing but what is always kept may be left, and the next
    /// request works.
    pub fn finish(mut self) {
        self.refused.store(0, Relaxed);
        self.rig.system.state().fail_at = None;
        self.rig.free_all();
        self.rig.memory.balance();
        self.rig.check();
        let stats = self.rig.memory.stats(1);
        assert_eq!((stats.nr_cur_alloc, stats.front_cached), (0, 0), "{stats}");
        assert!(self.rig.chunks() <= 2, "the first and a spare one: {stats}");
        if !self.narrow {
            self.armed = false;
            self.alloc(Request::dynamic(1024, 4096));
            assert_eq!(self.rig.live.len(), 1, "the next one works");
        }
    }
}

impl core::fmt::Debug for Drive {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Drive").field("live", &self.rig.live).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Drive, Shape};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_the_system_refuses_nothing_is_lost(
            shape in any::<[u8; 4]>(),
            steps in proptest::collection::vec(any::<[u8; 4]>(), 0..80),
        ) {
            let Some(mut drive) = Drive::new(&Shape::of(shape)) else { return Ok(()) };
            for (nth, step) in steps.into_iter().enumerate() {
                drive.step(step);
                if nth % 8 == 0 {
                    drive.check();
                }
            }
            drive.finish();
        }
    }
}
