//! The front cache: small areas that were just freed, at hand for the next.
//!
//! Most per-CPU allocations are a word or a line, and many live shortly. So each
//! unit keeps a few small areas by size; an allocation or a free that finds
//! the unit's shelf takes one short lock that no other CPU wants, and touches
//! neither the index nor the system.
//!
//! ```text
//!   unit 0's shelf:  4 B [p p]   8 B [p p p]   ...   64 B [p]
//!   unit 1's shelf:  ...                                          full or empty: the index
//! ```
//!
//! An area on a shelf is in use as far as the index knows, so nothing here can
//! be handed out twice; it was used, so whoever takes it zeroes it. A shelf is
//! only ever tried: who finds it locked (by a thread that lost the CPU there)
//! goes to the index. So nobody ever waits for one, not even a forked child in
//! which a shelf stays locked for ever.

use core::fmt;

use super::pointer::BIAS;
use super::request::GRANULE;
use crate::mutate::mutated;
use crate::sys::sync::Mutex;

/// The largest area that is kept, in bytes.
const LARGEST: usize = 64;
const CLASSES: usize = LARGEST / GRANULE;
/// How many areas of a size a unit keeps.
const DEPTH: usize = 8;

/// A shelf has a line of its own: another unit's lock must not slow it down.
#[repr(align(64))]
struct Shelf(Mutex<Option<Box<Kept>>>);

#[derive(Clone, Copy)]
struct Kept {
    /// Per size in granules: per-CPU pointers, the first `count` of them.
    pointers: [[usize; DEPTH]; CLASSES],
    count: [u8; CLASSES],
    /// Allocations and frees that were served here, and bytes of the former.
    allocs: u64,
    frees: u64,
}

/// The shelves of all units.
pub(crate) struct Front {
    shelves: Box<[Shelf]>,
}

/// What the shelves hold and did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrontStats {
    /// Areas on shelves.
    pub(crate) kept: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Allocations served from a shelf.
    pub(crate) allocs: u64,
    /// Frees that a shelf took.
    pub(crate) frees: u64,
    /// Bytes of the shelves themselves.
    pub(crate) metadata: usize,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("shelves", &self.shelves.len()).finish()
    }
}

/// The class of a size in bytes, if areas of it are kept.
#[inline]
fn class(size: usize) -> Option<usize> {
    (1..=LARGEST).contains(&size).then(|| (size - 1) / GRANULE)
}

impl Front {
    pub(crate) fn new(units: usize) -> Self {
        Self { shelves: (0..units).map(|_| Shelf(Mutex::new(None))).collect() }
    }

    /// An area of `size` bytes at a multiple of `align`, used before.
    #[inline]
    pub(crate) fn take(&self, unit: u32, size: usize, align: usize) -> Option<usize> {
        let class = class(size)?;
        let mut shelf = self.shelves[unit as usize].0.try_lock()?;
        let kept = shelf.as_deref_mut()?;
        let last = usize::from(kept.count[class]).checked_sub(1)?;
        let pointer = kept.pointers[class][last];
        // Chunks start at pages, so the pointer's alignment is the copies'.
        if pointer.wrapping_sub(BIAS) & (align - 1) != 0 {
            return None;
        }
        if !mutated("handed_out_twice") {
            kept.count[class] = last as u8;
        }
        kept.allocs += 1;
        Some(pointer)
    }

    /// Keeps an area that nobody uses; false if there is no room for it.
    #[inline]
    pub(crate) fn put(&self, unit: u32, pointer: usize, size: usize) -> bool {
        let Some(class) = class(size) else { return false };
        let Some(mut shelf) = self.shelves[unit as usize].0.try_lock() else { return false };
        let kept = match &mut *shelf {
            Some(kept) => kept,
            empty => empty.insert(build()),
        };
        let count = usize::from(kept.count[class]);
        if count == DEPTH {
            return false;
        }
        kept.pointers[class][count] = pointer;
        kept.count[class] += 1;
        kept.frees += 1;
        true
    }

    /// Hands all that is kept to `free`, shelf by shelf.
    pub(crate) fn flush(&self, mut free: impl FnMut(usize)) {
        (0..self.shelves.len() as u32).for_each(|unit| self.flush_unit(unit, &mut free));
    }

    /// The same for one unit's shelf.
    pub(crate) fn flush_unit(&self, unit: u32, free: impl FnMut(usize)) {
        // One that is in use right now is as good as not flushed.
        let Some(mut shelf) = self.shelves[unit as usize].0.try_lock() else { return };
        let Some(kept) = shelf.as_deref_mut() else { return };
        let taken = *kept;
        kept.count = [0; CLASSES];
        drop(shelf);
        let kept = taken.pointers.iter().zip(taken.count);
        kept.flat_map(|(pointers, count)| &pointers[..count.into()]).copied().for_each(free);
    }

    pub(crate) fn stats(&self) -> FrontStats {
        let mut stats =
            FrontStats { metadata: size_of_val(&*self.shelves), ..FrontStats::default() };
        for shelf in &self.shelves {
            let Some(shelf) = shelf.0.try_lock() else { continue };
            let Some(kept) = shelf.as_deref() else { continue };
            stats.metadata += size_of::<Kept>();
            stats.allocs += kept.allocs;
            stats.frees += kept.frees;
            for (class, &count) in kept.count.iter().enumerate() {
                stats.kept += u64::from(count);
                stats.bytes += u64::from(count) * ((class + 1) * GRANULE) as u64;
            }
        }
        stats
    }
}

#[cold]
fn build() -> Box<Kept> {
    let pointers = [[0; DEPTH]; CLASSES];
    Box::new(Kept { pointers, count: [0; CLASSES], allocs: 0, frees: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_into_classes_of_four_bytes() {
        let of = [0, 1, 4, 5, 8, 64, 65].map(class);
        assert_eq!(of, [None, Some(0), Some(0), Some(1), Some(1), Some(15), None]);
    }

    #[test]
    fn what_is_put_is_taken_by_size_and_alignment() {
        let front = Front::new(2);
        assert_eq!(front.take(0, 8, 8), None);
        assert!(front.put(0, BIAS + 16, 8));
        assert!(front.put(0, BIAS + 4, 8));
        assert_eq!(front.take(0, 8, 8), None, "the last one is aligned to 4 only");
        assert_eq!(front.take(1, 8, 4), None, "another unit's");
        assert_eq!(front.take(0, 12, 4), None, "another size");
        assert_eq!(front.take(0, 5, 4), Some(BIAS + 4));
        assert_eq!(front.take(0, 8, 16), Some(BIAS + 16));
        assert_eq!(front.take(0, 8, 4), None);
    }

    #[test]
    fn shelves_are_bounded_and_can_be_emptied() {
        let front = Front::new(1);
        let room = (0..100).filter(|n| front.put(0, BIAS + n * 64, 64)).count();
        assert_eq!(room, DEPTH);
        assert!(!front.put(0, BIAS, 65), "too large");
        assert_eq!((front.stats().kept, front.stats().bytes), (DEPTH as u64, 64 * DEPTH as u64));
        let mut out = Vec::new();
        front.flush(|pointer| out.push(pointer));
        assert_eq!(out, (0..DEPTH).map(|n| BIAS + n * 64).collect::<Vec<_>>());
        assert_eq!(front.stats().kept, 0);
    }
}
