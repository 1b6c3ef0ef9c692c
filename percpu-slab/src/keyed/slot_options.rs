//! [`SlotOptions`]: how slots are kept.

use percpu_core::Unit;

use super::directory::MAX_BITS;
use crate::raw::MagazineOptions;

/// How slots are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotOptions {
    /// Slots that may be in use or in magazines.
    pub(crate) limit: usize,
    /// Bytes of a page, as far as a slot fits in.
    pub(crate) page: usize,
    /// A slot has values of so many generations, less one.
    pub(crate) last_generation: u32,
    pub(crate) magazines: MagazineOptions,
    /// Indices are less than this.
    pub(crate) indices: u64,
    /// Whether the memory of pages without values goes back: it may not if there is
    /// something in a slot that is free.
    pub(crate) discards: bool,
}

impl Default for SlotOptions {
    fn default() -> Self {
        Self {
            limit: usize::MAX,
            page: 8 << 10,
            last_generation: u32::MAX,
            magazines: MagazineOptions { max_magazines: 4, depot: 4, ..Default::default() },
            indices: 1 << MAX_BITS,
            discards: true,
        }
    }
}

impl SlotOptions {
    /// Bytes that magazines and depots take: words, for as many as there may be.
    pub(super) fn magazine_bytes(&self) -> usize {
        const WORD: usize = size_of::<u64>();
        let MagazineOptions { magazine, max_magazines, depot, .. } = self.magazines;
        let units = Unit::all().into_iter().flatten().filter(|unit| unit.is_active()).count();
        // Beside items: a few words on each CPU, and two in each cell.
        units * (magazine * max_magazines + 16) * WORD + depot * (magazine + 2) * WORD
    }
}
