//! A chunk anybody can check by eye, and a driver that runs both side by side.
//!
//! One entry a granule, first fit by trying every aligned start. The driver
//! decodes four bytes into a step, makes it on the [`Chunk`] and on the naive
//! one, and compares every answer, so property tests and the fuzz target feed
//! the same thing: bytes. The fuzz target includes this file by path, which is
//! why it names its parent's `Chunk` and nothing else of the crate.

use super::{Chunk, FreeError, Pages};

/// Granules in a line, which is what is remembered of used memory.
const LINE: usize = 16;

/// The lines that some of `len` granules from `at` on lie in.
fn lines(at: usize, len: usize) -> core::ops::Range<usize> {
    at / LINE..(at + len).div_ceil(LINE)
}

/// What a granule is in the naive chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Granule {
    Free,
    Start,
    Inside,
    Hidden,
}

/// A chunk beside its naive twin.
#[derive(Debug)]
pub(crate) struct Twins {
    chunk: Chunk,
    naive: Vec<Granule>,
    /// By line of 16 granules: whether something in it was freed.
    used_before: Vec<bool>,
    /// By page.
    populated: Vec<bool>,
    /// Granules in a page.
    page: usize,
    /// Offsets and sizes of what is live, in bytes.
    live: Vec<(usize, usize)>,
}

impl Twins {
    /// Twins with units of `unit` bytes and so many bytes hidden at both ends.
    pub(crate) fn new(unit: usize, block: usize, start: usize, end: usize) -> Self {
        let mut naive = vec![Granule::Free; unit / 4];
        naive[..start / 4].fill(Granule::Hidden);
        naive[(unit - end) / 4..].fill(Granule::Hidden);
        let used_before = vec![false; (unit / 4).div_ceil(LINE)];
        let chunk = Chunk::new(unit, block, start, end);
        let (populated, page) = (vec![false; unit / block], block / 4);
        let twins = Self { chunk, naive, used_before, populated, page, live: Vec::new() };
        twins.check();
        twins
    }

    /// Makes the step that `code` names on both, and compares.
    ///
    /// | code\[0\] | step |
    /// | --- | --- |
    /// | 0 to 111 | allocate 1 to 64 bytes, aligned to 4 to 64 |
    /// | 112 to 127 | allocate 1 to 1024 bytes in populated pages |
    /// | 128 to 159 | allocate up to a quarter unit, aligned to 1 to 4096 |
    /// | 160 to 163 | free any offset at all |
    /// | 164 to 167 | populate a page, or the last empty one no longer |
    /// | 168 to 169 | memory that is free is given back |
    /// | 170 to 255 | free something live |
    pub(crate) fn step(&mut self, code: [u8; 4]) {
        let [kind, shape, low, high] = code;
        let number = usize::from(u16::from_le_bytes([low, high]));
        match kind {
            0..112 => self.alloc(number % 64 + 1, 4 << (shape % 5), Pages::Any),
            112..128 => self.alloc(number % 1024 + 1, 1 << (shape % 13), Pages::Populated),
            128..160 => {
                self.alloc(number % (self.naive.len() + 1) + 1, 1 << (shape % 13), Pages::Any);
            }
            160..164 => self.free_any(number % (self.naive.len() * 4 + 64)),
            164..167 => self.populate(number % self.populated.len()),
            167 => self.depopulate(usize::from(shape % 4) + 1),
            168..170 => self.mark_zero(number % self.naive.len(), usize::from(shape)),
            _ if self.live.is_empty() => {}
            _ => {
                let (offset, size) = self.live.swap_remove(number % self.live.len());
                assert_eq!(self.chunk.free(offset), Ok(size));
                self.freed(offset / 4, size / 4);
                let again = self.chunk.free(offset);
                assert_eq!(again, Err(FreeError::NotAllocated), "a double free is seen");
            }
        }
    }

    /// Allocates from both: same success, same place, same need to be zeroed.
    fn alloc(&mut self, size: usize, align: usize, pages: Pages) {
        let (len, step) = (size.div_ceil(4), align.div_ceil(4));
        let allowed = |at: usize| pages == Pages::Any || self.populated[at / self.page];
        let fits =
            |&at: &usize| (at..at + len).all(|at| self.naive[at] == Granule::Free && allowed(at));
        let last = self.naive.len().checked_sub(len);
        let want = last.and_then(|last| (0..=last).step_by(step).find(fits));

        let got = self.chunk.alloc_in(size, align, pages);
        assert_eq!(got.map(|area| area.offset / 4), want, "{size} bytes at {align}");
        if let Some(area) = got {
            assert_eq!((area.offset % align, area.size), (0, len * 4));
            let taken = &mut self.naive[area.offset / 4..][..len];
            let used = &self.used_before[lines(area.offset / 4, len)];
            assert_eq!(area.needs_zero, used.contains(&true));
            taken.fill(Granule::Inside);
            taken[0] = Granule::Start;
            self.live.push((area.offset, area.size));
        }
    }

    /// Frees `offset`, which may be anything.
    fn free_any(&mut self, offset: usize) {
        let granule = self.naive.get(offset / 4).copied();
        let want = match granule {
            None | Some(Granule::Free) => Err(FreeError::NotAllocated),
            Some(Granule::Start) if offset.is_multiple_of(4) => {
                let nth = self.live.iter().position(|&(start, _)| start == offset).unwrap();
                let size = self.live.swap_remove(nth).1;
                self.freed(offset / 4, size / 4);
                Ok(size)
            }
            Some(_) => Err(FreeError::NotAStart),
        };
        assert_eq!(self.chunk.free(offset), want);
    }

    fn populate(&mut self, nth: usize) {
        self.chunk.mark_populated(nth..nth + 1);
        self.populated[nth] = true;
    }

    /// The last run of idle pages, at most `limit`, is populated no longer.
    fn depopulate(&mut self, limit: usize) {
        let idle = |nth: &usize| {
            let page = &self.naive[nth * self.page..][..self.page];
            self.populated[*nth] && page.iter().all(|granule| *granule == Granule::Free)
        };
        let last = (0..self.populated.len()).rev().find(idle);
        let first = |last| (0..=last).rev().take(limit).take_while(idle).last();
        let want = last.and_then(|last| Some(first(last)?..last + 1));
        assert_eq!(self.chunk.last_empty_populated(limit), want);
        if let Some(pages) = want {
            self.populated[pages.clone()].fill(false);
            self.chunk.mark_unpopulated(pages);
        }
    }

    fn freed(&mut self, at: usize, len: usize) {
        self.naive[at..at + len].fill(Granule::Free);
        self.used_before[lines(at, len)].fill(true);
    }

    /// Marks free granules from `at` on, at most `len`, as good as fresh.
    fn mark_zero(&mut self, at: usize, len: usize) {
        let is_free = |granule: &&Granule| **granule == Granule::Free;
        let len = self.naive[at..].iter().take(len).take_while(is_free).count();
        let whole = at.div_ceil(LINE)..(at + len) / LINE;
        if !whole.is_empty() {
            self.used_before[whole].fill(false);
        }
        self.chunk.mark_zero(at * 4, len * 4);
    }

    /// Checks every invariant of the chunk, and its figures against the twin.
    pub(crate) fn check(&self) {
        self.chunk.check_invariants();
        let is_free = |granule: &&Granule| matches!(granule, Granule::Free);
        assert_eq!(self.chunk.free_bytes(), self.naive.iter().filter(is_free).count() * 4);
        assert_eq!(self.chunk.is_free(), self.live.is_empty());
        let populated = (0..self.populated.len()).map(|nth| self.chunk.is_page_populated(nth));
        assert!(populated.eq(self.populated.iter().copied()));
        let mut live = self.live.clone();
        live.sort_unstable();
        assert!(self.chunk.allocations().eq(live), "the walk over live allocations");
    }

    /// Frees all that is live: nothing may be left.
    pub(crate) fn finish(mut self) {
        while let Some((offset, size)) = self.live.pop() {
            assert_eq!(self.chunk.free(offset), Ok(size));
        }
        for granule in &mut self.naive {
            if matches!(granule, Granule::Start | Granule::Inside) {
                *granule = Granule::Free;
            }
        }
        self.check();
    }
}
