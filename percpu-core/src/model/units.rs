//! Real units at addresses where nothing is, for models of how they become active.
//! (On the pretend machine, whose process is a twin, all units always are.)

use crate::area::pointer::BIAS;
use crate::area::units;
use crate::cpu::CpuId;

/// The units of some CPUs, and the shared one.
#[derive(Debug)]
pub struct Units(units::Units);

impl Units {
    /// None is active.
    pub fn new(cpus: u32) -> Self {
        let addresses: Vec<usize> = (1..=cpus as usize + 1).map(|n| BIAS + (n << 12)).collect();
        Self(units::Units::new((0..cpus).map(CpuId::new).collect(), &addresses, None, false))
    }

    /// The base of a unit that is active.
    pub fn base(&self, unit: u32) -> Option<usize> {
        self.0.base(unit)
    }

    /// The bases of those that are.
    pub fn active(&self) -> Vec<usize> {
        self.0.active().collect()
    }

    /// Makes it active, if it is not.
    pub fn activate(&self, unit: u32) -> usize {
        self.0.activate(unit)
    }

    /// As `activate`, unless somebody has the lock.
    pub fn try_activate(&self, unit: u32) -> Option<usize> {
        self.0.try_activate(unit)
    }

    /// What was written before is seen by whoever uses a unit that is not active when
    /// this returns.
    pub fn settle(&self) {
        self.0.settle();
    }
}
