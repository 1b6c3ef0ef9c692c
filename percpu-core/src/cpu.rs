//! [`CpuId`]: the number the kernel gives a processor.

use core::fmt;

/// The number the kernel gives a processor, on this machine or any other.
///
/// Just a number: numbers may be sparse, may name a CPU that does not exist
/// here, and may exceed the count of CPUs. To touch memory turn it into a
/// `Unit`, which is checked against this process.
///
/// ```
/// use percpu_core::CpuId;
/// assert_eq!(CpuId::new(3).to_string(), "3");
/// assert!(CpuId::new(3) < CpuId::new(8));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuId(u32);

impl CpuId {
    /// The CPU with kernel number `number`.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The kernel's number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The kernel's number, for indexing.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for CpuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cpu{}", self.0)
    }
}

impl fmt::Display for CpuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<u32> for CpuId {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<CpuId> for u32 {
    fn from(cpu: CpuId) -> Self {
        cpu.0
    }
}
