//! [`AddressSpace`]: a pretend one, in which areas are placed.

use core::cell::RefCell;
use core::ops::Range;
use std::collections::BTreeMap;

use crate::area::address_space_error::AddressSpaceError;
use crate::area::purge::purge_once;
use crate::area::vm_area::{Areas, last_meeting};

/// An address space that is not there: numbers that are taken or free.
///
/// It places areas at fixed distances from each other as the kernel places the
/// groups of a chunk: all at once, as high as they go. So it answers whether a
/// layout fits into an address space of some size with some obstacles, and how
/// many chunks of it do.
///
/// ```
/// use percpu_core::{AddressSpace, Layout, Sizes, Topology};
///
/// let layout = Layout::build(&Sizes::new(72 << 10), &Topology::uniform(64, 4)?)?;
/// layout.fits(1 << 30)?;
///
/// let mut space = AddressSpace::new(1 << 20..1 << 30, layout.page_size());
/// space.occupy(500 << 20..501 << 20)?; // a library, say
/// let (areas, align) = (layout.areas(), layout.atom_size());
/// let mut chunks = 0;
/// while space.place(&areas, align).is_ok() {
///     chunks += 1;
/// }
/// assert_eq!(chunks, ((1024 - 502) << 20) / layout.span() + (498 << 20) / layout.span());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "pcpu_get_vm_areas")]
#[doc(alias = "pcpu_free_vm_areas")]
pub struct AddressSpace {
    range: Range<usize>,
    page: usize,
    /// INVARIANT: ascending, disjoint, not empty, inside `range`.
    taken: Vec<Range<usize>>,
    /// By base, what `place` has placed; each of its areas is in `taken`.
    placed: BTreeMap<usize, Areas>,
    hint: Option<Hint>,
}

/// Where the search for the same areas may begin: no base above `below` is free
/// for them. The kernel's `vmap_area_pcpu_hole`.
#[derive(Clone, Debug)]
struct Hint {
    areas: Areas,
    below: usize,
}

impl AddressSpace {
    /// The addresses of `range`, none of them taken, with pages of `page` bytes.
    #[must_use]
    pub fn new(range: Range<usize>, page: usize) -> Self {
        Self { range, page, taken: Vec::new(), placed: BTreeMap::new(), hint: None }
    }

    /// Its first address, and the one after its last.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What is taken: ascending, disjoint ranges.
    #[must_use]
    pub fn taken(&self) -> &[Range<usize>] {
        &self.taken
    }

    /// Puts an obstacle there for good; it need not be aligned.
    ///
    /// # Errors
    /// [`AddressSpaceError::Outside`] and [`AddressSpaceError::Taken`]; nothing
    /// has changed then.
    pub fn occupy(&mut self, range: Range<usize>) -> Result<(), AddressSpaceError> {
        let inside = self.range.start <= range.start && range.end <= self.range.end;
        if range.is_empty() || !inside {
            return Err(AddressSpaceError::Outside { range });
        }
        if let Some(by) = last_meeting(&self.taken, range.clone()) {
            return Err(AddressSpaceError::Taken { by: by.clone() });
        }
        self.take(range);
        Ok(())
    }

    /// The base at which [`place`](Self::place) would place these areas.
    ///
    /// # Errors
    /// As [`place`](Self::place).
    pub fn find(&self, areas: &[(usize, usize)], align: usize) -> Result<usize, AddressSpaceError> {
        self.search(&self.check(areas, align)?)
    }

    /// Places areas, given by their offsets from the base and their sizes, at the
    /// highest base that is a multiple of `align` and at which all of them are
    /// free. The base names them for [`remove`](Self::remove).
    ///
    /// # Errors
    /// [`AddressSpaceError::NoHole`] if what is taken leaves no such base,
    /// [`AddressSpaceError::NoAddressSpace`] if there never was one; the others
    /// say what is wrong with the areas: `align` must be a power of two and a
    /// multiple of the page, offsets and sizes multiples of `align`, the lowest
    /// offset 0, no two areas may overlap. Nothing has changed then.
    ///
    /// # Performance
    /// Proportional to what is taken times the areas, at worst. A search for the
    /// same areas as last time begins where that ended.
    pub fn place(
        &mut self,
        areas: &[(usize, usize)],
        align: usize,
    ) -> Result<usize, AddressSpaceError> {
        let areas = self.check(areas, align)?;
        let base = self.search(&areas)?;
        for range in areas.at(base) {
            self.take(range);
        }
        self.placed.insert(base, areas.clone());
        self.hint = Some(Hint { areas, below: base });
        Ok(base)
    }

    /// As [`place`](Self::place); but if there is no hole, `purge` may remove
    /// areas that are kept without need, and the search is done once more.
    ///
    /// # Errors
    /// As [`place`](Self::place).
    pub fn place_or_purge(
        &mut self,
        areas: &[(usize, usize)],
        align: usize,
        purge: impl FnOnce(&mut AddressSpace),
    ) -> Result<usize, AddressSpaceError> {
        let space = RefCell::new(self);
        purge_once(
            || space.borrow_mut().place(areas, align),
            AddressSpaceError::is_no_hole,
            || purge(&mut space.borrow_mut()),
        )
    }

    /// Gives back the areas that were placed at `base`; whether there were any.
    pub fn remove(&mut self, base: usize) -> bool {
        let Some(areas) = self.placed.remove(&base) else { return false };
        for range in areas.at(base) {
            let at = self.taken.partition_point(|other| other.start < range.start);
            self.taken.remove(at);
        }
        // A base that became free has an area in what was given back, so it lies
        // below the end of that.
        if let Some(hint) = &mut self.hint {
            hint.below = hint.below.max(base + areas.span());
        }
        true
    }

    fn check(&self, areas: &[(usize, usize)], align: usize) -> Result<Areas, AddressSpaceError> {
        let areas = Areas::new(areas, align, self.page)?;
        match areas.lowest() {
            0 => Ok(areas),
            lowest => Err(AddressSpaceError::NothingAtBase { lowest }),
        }
    }

    fn search(&self, areas: &Areas) -> Result<usize, AddressSpaceError> {
        let hint = self.hint.as_ref().filter(|hint| hint.areas == *areas);
        let below = hint.map_or(usize::MAX, |hint| hint.below);
        areas.highest_base(&self.range, &self.taken, below)
    }

    /// Takes a range that is free and inside.
    fn take(&mut self, range: Range<usize>) {
        let at = self.taken.partition_point(|other| other.start < range.start);
        self.taken.insert(at, range);
    }
}

#[cfg(test)]
#[path = "address_space_tests.rs"]
mod tests;
