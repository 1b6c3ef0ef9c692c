//! [`MagazineStats`]: what magazines served, and what went through depots.

use core::fmt;

/// What magazines served, and what went through depots.
///
/// Each count is that of operations that have returned, and of some that have not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MagazineStats {
    /// Items that this CPU had. 0 unless [`count_hits`](super::MagazineOptions::count_hits).
    #[doc(alias = "alloc_fastpath")]
    pub get_hits: u64,
    /// Items that this CPU had room for. 0 unless counted.
    #[doc(alias = "free_fastpath")]
    pub put_hits: u64,
    /// Items that this CPU did not have.
    #[doc(alias = "alloc_slowpath")]
    pub get_misses: u64,
    /// Items that this CPU had no room for.
    #[doc(alias = "free_slowpath")]
    pub put_misses: u64,
    /// How often the source made items.
    #[doc(alias = "sheaf_refill")]
    pub refills: u64,
    /// How often items went to the source.
    #[doc(alias = "sheaf_flush")]
    pub flushes: u64,
    /// Magazines that came from a depot.
    #[doc(alias = "barn_get")]
    pub depot_gets: u64,
    /// Magazines that went to a depot.
    #[doc(alias = "barn_put")]
    pub depot_puts: u64,
}

impl MagazineStats {
    /// Items that came from this CPU's, or went there.
    pub fn hits(&self) -> u64 {
        self.get_hits + self.put_hits
    }

    /// Items that did not.
    pub fn misses(&self) -> u64 {
        self.get_misses + self.put_misses
    }
}

impl fmt::Display for MagazineStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { get_hits, put_hits, get_misses, put_misses, .. } = self;
        let Self { refills, flushes, depot_gets, depot_puts, .. } = self;
        writeln!(f, "gets: {get_hits} hits, {get_misses} misses")?;
        writeln!(f, "puts: {put_hits} hits, {put_misses} misses")?;
        writeln!(f, "depot: {depot_gets} magazines out, {depot_puts} in")?;
        write!(f, "source: {refills} refills, {flushes} flushes")
    }
}
