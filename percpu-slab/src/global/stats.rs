//! [`AllocStats`]: what an allocator has in hand.

use core::fmt;

/// What a [`PerCpuAlloc`](crate::PerCpuAlloc) has in hand, class by class.
///
/// Each figure is of a moment of its own: exact if nobody allocates meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AllocStats {
    /// Classes that have memory, the smallest first.
    pub classes: Vec<ClassStats>,
    /// Blocks that are mappings of their own.
    pub large: LargeStats,
    /// Whether there are magazines: [`init`](crate::PerCpuAlloc::init) was called.
    pub magazines: bool,
}

/// One size class of a [`PerCpuAlloc`](crate::PerCpuAlloc).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ClassStats {
    /// Bytes of a block.
    pub size: usize,
    /// Slabs.
    pub slabs: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// Blocks that the program has.
    pub live: usize,
    /// Free blocks in magazines and depots.
    pub cached: usize,
}

/// The blocks of a [`PerCpuAlloc`](crate::PerCpuAlloc) that are mappings of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LargeStats {
    /// Blocks that the program has.
    pub live: usize,
    /// Bytes of their mappings.
    pub bytes: usize,
    /// Mappings that are free, kept for the next block of their size.
    pub cached: usize,
    /// Bytes of them.
    pub cached_bytes: usize,
}

impl AllocStats {
    /// Blocks that the program has.
    pub fn live(&self) -> usize {
        self.classes.iter().map(|class| class.live).sum::<usize>() + self.large.live
    }

    /// Bytes of all blocks that the program has, as they were rounded up.
    pub fn live_bytes(&self) -> usize {
        self.classes.iter().map(|class| class.live * class.size).sum::<usize>() + self.large.bytes
    }

    /// Bytes of address space that hold blocks, allocated or free.
    pub fn bytes(&self) -> usize {
        let classes: usize = self.classes.iter().map(|class| class.bytes).sum();
        classes + self.large.bytes + self.large.cached_bytes
    }
}

impl fmt::Display for AllocStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} {:>7} {:>12} {:>9} {:>8}", "size", "slabs", "bytes", "live", "cached")?;
        for ClassStats { size, slabs, bytes, live, cached } in &self.classes {
            writeln!(f, "{size:>9} {slabs:>7} {bytes:>12} {live:>9} {cached:>8}")?;
        }
        let LargeStats { live, bytes, cached, cached_bytes } = self.large;
        writeln!(
            f,
            "{:>9} {:>7} {:>12} {live:>9} {cached:>8}",
            "larger",
            "",
            bytes + cached_bytes
        )?;
        let (blocks, used) = (self.live(), self.live_bytes());
        write!(f, "{blocks} blocks of {used} bytes in {} bytes", self.bytes())?;
        if self.magazines { Ok(()) } else { f.write_str("; no magazines yet") }
    }
}
