//! A chunk anybody can check by eye, and a driver that runs both side by side.
//!
//! One entry a granule, first fit by trying every aligned start. The driver
//! decodes four bytes into a step, makes it on the [`Chunk`] and on the naive
//! one, and compares every answer, so property tests and the fuzz target feed
//! the same thing: bytes. The fuzz target includes this file by path, which is
//! why it names its parent's `Chunk` and nothing else of the crate.

use super::{Chunk, FreeError};

/// What a granule is in the naive chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Granule {
    Free { used_before: bool },
    Start,
    Inside,
    Hidden,
}

/// A chunk beside its naive twin.
#[derive(Debug)]
pub(crate) struct Twins {
    chunk: Chunk,
    naive: Vec<Granule>,
    /// Offsets and sizes of what is live, in bytes.
    live: Vec<(usize, usize)>,
}

impl Twins {
    /// Twins with units of `unit` bytes and so many bytes hidden at both ends.
    pub(crate) fn new(unit: usize, block: usize, start: usize, end: usize) -> Self {
        let mut naive = vec![Granule::Free { used_before: false }; unit / 4];
        naive[..start / 4].fill(Granule::Hidden);
        naive[(unit - end) / 4..].fill(Granule::Hidden);
        let twins = Self { chunk: Chunk::new(unit, block, start, end), naive, live: Vec::new() };
        twins.check();
        twins
    }

    /// Makes the step that `code` names on both, and compares.
    ///
    /// | code\[0\] | step |
    /// | --- | --- |
    /// | 0 to 127 | allocate 1 to 64 bytes, aligned to 4 to 64 |
    /// | 128 to 159 | allocate up to a quarter unit, aligned to 1 to 4096 |
    /// | 160 to 167 | free any offset at all |
    /// | 168 to 169 | memory that is free is given back |
    /// | 170 to 255 | free something live |
    pub(crate) fn step(&mut self, code: [u8; 4]) {
        let [kind, shape, low, high] = code;
        let number = usize::from(u16::from_le_bytes([low, high]));
        match kind {
            0..128 => self.alloc(number % 64 + 1, 4 << (shape % 5)),
            128..160 => self.alloc(number % (self.naive.len() + 1) + 1, 1 << (shape % 13)),
            160..168 => self.free_any(number % (self.naive.len() * 4 + 64)),
            168..170 => self.mark_zero(number % self.naive.len(), usize::from(shape)),
            _ if self.live.is_empty() => {}
            _ => {
                let (offset, size) = self.live.swap_remove(number % self.live.len());
                assert_eq!(self.chunk.free(offset), Ok(size));
                self.naive[offset / 4..(offset + size) / 4]
                    .fill(Granule::Free { used_before: true });
                let again = self.chunk.free(offset);
                assert_eq!(again, Err(FreeError::NotAllocated), "a double free is seen");
            }
        }
    }

    /// Allocates from both: same success, same place, same need to be zeroed.
    fn alloc(&mut self, size: usize, align: usize) {
        let (len, step) = (size.div_ceil(4), align.div_ceil(4));
        let is_free = |granule: &Granule| matches!(granule, Granule::Free { .. });
        let fits = |&at: &usize| self.naive[at..at + len].iter().all(is_free);
        let last = self.naive.len().checked_sub(len);
        let want = last.and_then(|last| (0..=last).step_by(step).find(fits));

        let got = self.chunk.alloc(size, align);
        assert_eq!(got.map(|area| area.offset / 4), want, "{size} bytes at {align}");
        if let Some(area) = got {
            assert_eq!((area.offset % align, area.size), (0, len * 4));
            let taken = &mut self.naive[area.offset / 4..][..len];
            let used = taken.contains(&Granule::Free { used_before: true });
            assert_eq!(area.needs_zero, used);
            taken.fill(Granule::Inside);
            taken[0] = Granule::Start;
            self.live.push((area.offset, area.size));
        }
    }

    /// Frees `offset`, which may be anything.
    fn free_any(&mut self, offset: usize) {
        let granule = self.naive.get(offset / 4).copied();
        let want = match granule {
            None | Some(Granule::Free { .. }) => Err(FreeError::NotAllocated),
            Some(Granule::Start) if offset.is_multiple_of(4) => {
                let nth = self.live.iter().position(|&(start, _)| start == offset).unwrap();
                let size = self.live.swap_remove(nth).1;
                self.naive[offset / 4..][..size / 4].fill(Granule::Free { used_before: true });
                Ok(size)
            }
            Some(_) => Err(FreeError::NotAStart),
        };
        assert_eq!(self.chunk.free(offset), want);
    }

    /// Marks free granules from `at` on, at most `len`, as good as fresh.
    fn mark_zero(&mut self, at: usize, len: usize) {
        let mut end = at;
        while let Some(Granule::Free { used_before }) = self.naive.get_mut(end) {
            if end == at + len {
                break;
            }
            *used_before = false;
            end += 1;
        }
        self.chunk.mark_zero(at * 4, (end - at) * 4);
    }

    /// Checks every invariant of the chunk, and its figures against the twin.
    pub(crate) fn check(&self) {
        self.chunk.check_invariants();
        let is_free = |granule: &&Granule| matches!(granule, Granule::Free { .. });
        assert_eq!(self.chunk.free_bytes(), self.naive.iter().filter(is_free).count() * 4);
        assert_eq!(self.chunk.is_free(), self.live.is_empty());
        let mut live = self.live.clone();
        live.sort_unstable();
        assert!(self.chunk.allocations().eq(live), "the walk over live allocations");
    }

    /// Frees all that is live: nothing may be left.
    pub(crate) fn finish(mut self) {
        while let Some((offset, size)) = self.live.pop() {
            assert_eq!(self.chunk.free(offset), Ok(size));
        }
        self.naive.iter_mut().for_each(|granule| {
            if matches!(granule, Granule::Start | Granule::Inside) {
                *granule = Granule::Free { used_before: true };
            }
        });
        self.check();
    }
}
