//! [`Unit`]: a copy of this process, checked.

use core::fmt;

use crate::cpu::CpuId;
use crate::error::Error;
use crate::index::Index;
use crate::process;

/// One copy of everything per-CPU in this process: a possible CPU's, or the
/// shared one of threads without restartable sequences. By [`Index::Cid`]: a
/// concurrency id's, of which there are as many as possible CPUs, or the shared one.
///
/// A [`CpuId`] is any number; a `Unit` exists. It stays valid for the life of
/// the process, as possible CPUs never change.
///
/// ```
/// use percpu_core::{CpuId, Unit};
/// let unit = Unit::all()?.next().unwrap();
/// assert_eq!(Unit::try_from(unit.cpu().unwrap())?, unit);
/// assert!(Unit::try_from(CpuId::new(60_000)).is_err());
/// # Ok::<(), percpu_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit(u32);

impl Unit {
    /// INVARIANT of the value: below `Units::count`.
    pub(crate) fn new(index: u32) -> Self {
        Self(index)
    }

    pub(crate) fn index(self) -> u32 {
        self.0
    }

    /// Every unit: each possible CPU's, or as many concurrency ids', ascending, then the shared one.
    ///
    /// # Errors
    /// On first use, if per-CPU memory cannot be set up.
    pub fn all() -> Result<impl DoubleEndedIterator<Item = Unit> + ExactSizeIterator, Error> {
        Ok((0..process::get()?.units.count()).map(Unit))
    }

    /// The unit this thread's operations went to a moment ago. A hint: the
    /// thread may move at any time.
    ///
    /// # Errors
    /// On first use, if per-CPU memory cannot be set up.
    ///
    /// # Performance
    /// A few loads, no system call.
    #[doc(alias = "raw_smp_processor_id")]
    #[inline]
    pub fn current() -> Result<Unit, Error> {
        process::get().map(|process| Unit(process::current_unit(process)))
    }

    /// The CPU whose copy this is; `None` for the shared unit, and for each unit of
    /// a process whose index is the concurrency id: a CPU has none there.
    pub fn cpu(self) -> Option<CpuId> {
        process::existing()?.units.cpu(self.0)
    }

    /// What is added to a per-CPU pointer to reach this unit's copy, wrapping: the
    /// same for every variable, static or allocated, in whichever chunk, and for
    /// the life of the process.
    ///
    /// So the copies of one variable lie as far apart as those of any other:
    /// ```
    /// use percpu_core::{PerCpu, Unit, atomic::{AtomicU8, AtomicU64}};
    ///
    /// let (a, b) = (PerCpu::<AtomicU64>::zeroed()?, PerCpu::<AtomicU8>::zeroed()?);
    /// let first = Unit::all()?.next().unwrap();
    /// for unit in Unit::all()? {
    ///     let distance = unit.offset().wrapping_sub(first.offset());
    ///     let from = |first: usize| first.wrapping_add(distance);
    ///     let address = |unit| std::ptr::from_ref(a.on(unit).get()).addr();
    ///     assert_eq!(address(unit), from(address(first)));
    ///     let address = |unit| std::ptr::from_ref(b.on(unit).get()).addr();
    ///     assert_eq!(address(unit), from(address(first)));
    /// }
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    #[cfg(not(percpu_loom))]
    #[doc(alias = "per_cpu_offset")]
    #[doc(alias = "__per_cpu_offset")]
    pub fn offset(self) -> usize {
        process::get_or_panic().units.home(self.0)
    }

    /// Whether this is the unit of threads without restartable sequences.
    pub fn is_shared(self) -> bool {
        process::existing().is_none_or(|process| process.units.shared() == self.0)
    }

    /// Those of all units that are active.
    pub(crate) fn all_active() -> Result<impl Iterator<Item = Self>, Error> {
        Ok(Self::all()?.filter(|unit| unit.is_active()))
    }

    /// Whether a thread of its index has used it, or somebody asked for its copies.
    pub fn is_active(self) -> bool {
        process::existing().is_some_and(|process| process.units.base(self.0).is_some())
    }
}

impl TryFrom<CpuId> for Unit {
    type Error = Error;

    /// # Errors
    /// [`Error::UnknownCpu`] if the CPU is not possible on this machine,
    /// [`Error::NoUnitOfCpu`] if units are concurrency ids'.
    fn try_from(cpu: CpuId) -> Result<Self, Error> {
        let process = process::get()?;
        let unit = process.units.of_cpu(cpu).ok_or(Error::UnknownCpu { cpu })?;
        match process.index {
            Index::Cpu => Ok(Unit(unit)),
            Index::Cid => Err(Error::NoUnitOfCpu { cpu }),
        }
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unit({self})")
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cpu() {
            Some(cpu) => write!(f, "cpu{cpu}"),
            None if self.is_shared() => f.write_str("shared"),
            None => write!(f, "cid{}", self.0),
        }
    }
}
