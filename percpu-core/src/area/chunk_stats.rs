//! What a chunk can tell about itself: live allocations and fragmentation.
//!
//! The rows are those of the kernel's `percpu_stats`. Fragmentation is counted
//! up to the last live allocation only: what is behind it is not a fragment but
//! the room that is left.

use super::bitmap;
use super::chunk::Chunk;
use super::request::GRANULE;

/// A row about one chunk; all sizes in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChunkStats {
    /// Live allocations.
    pub nr_alloc: usize,
    /// The largest allocation there has ever been.
    pub max_alloc_size: usize,
    /// The first free granule; the number of granules when none is free.
    pub first_bit: usize,
    /// Free bytes.
    pub free_bytes: usize,
    /// The longest hole.
    pub contig_bytes: usize,
    /// Free bytes in front of the last live allocation.
    pub sum_frag: usize,
    /// The longest hole in front of the last live allocation.
    pub max_frag: usize,
    /// The smallest live allocation; 0 when there is none.
    pub cur_min_alloc: usize,
    /// The median live allocation, the upper of two; 0 when there is none.
    pub cur_med_alloc: usize,
    /// The largest live allocation; 0 when there is none.
    pub cur_max_alloc: usize,
}

impl Chunk {
    /// The live allocations as (offset, size) in bytes, lowest offset first.
    pub fn allocations(&self) -> Allocations<'_> {
        Allocations { chunk: self, at: self.served.start }
    }

    /// Bytes of this index.
    pub fn metadata_bytes(&self) -> usize {
        let maps = [&self.alloc, &self.bound, &self.dirty, &self.populated];
        size_of::<Self>()
            + size_of_val(&*self.blocks)
            + maps.iter().map(|map| size_of_val(&***map)).sum::<usize>()
    }

    /// The row of this chunk. Walks and sorts the live allocations.
    pub fn stats(&self) -> ChunkStats {
        let mut stats = ChunkStats {
            nr_alloc: self.nr_alloc,
            max_alloc_size: self.max_alloc_size,
            first_bit: self.hints.first_free as usize,
            free_bytes: self.free_bytes(),
            contig_bytes: self.contig_bytes(),
            ..ChunkStats::default()
        };
        let mut sizes = Vec::with_capacity(self.nr_alloc);
        let mut end = self.served.start as usize * GRANULE;
        for (offset, size) in self.allocations() {
            stats.sum_frag += offset - end;
            stats.max_frag = stats.max_frag.max(offset - end);
            end = offset + size;
            sizes.push(size);
        }
        sizes.sort_unstable();
        if let (Some(&min), Some(&max)) = (sizes.first(), sizes.last()) {
            stats.cur_min_alloc = min;
            stats.cur_med_alloc = sizes[sizes.len() / 2];
            stats.cur_max_alloc = max;
        }
        stats
    }
}

/// The live allocations of a chunk: see [`Chunk::allocations`].
#[derive(Clone, Debug)]
pub struct Allocations<'a> {
    chunk: &'a Chunk,
    at: u32,
}

impl Iterator for Allocations<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let limit = self.chunk.served.end;
        let start = bitmap::next_set(&self.chunk.alloc, self.at..limit);
        if start >= limit {
            return None;
        }
        self.at = self.chunk.end_of(start);
        let granules = self.at - start;
        Some((start as usize * GRANULE, granules as usize * GRANULE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_the_holes_in_front_of_the_last_allocation() {
        let mut chunk = Chunk::new(16 << 10, 4096, 64, 128);
        let sizes = [48, 8, 4, 100, 24];
        let areas = sizes.map(|size| chunk.alloc(size, 4).unwrap());
        chunk.free(areas[1].offset).unwrap();
        chunk.free(areas[3].offset).unwrap();
        let live: Vec<_> = chunk.allocations().collect();
        assert_eq!(live, [(64, 48), (120, 4), (224, 24)]);
        let free = (16 << 10) - 64 - 128 - 48 - 4 - 24;
        let want = ChunkStats {
            nr_alloc: 3,
            max_alloc_size: 100,
            first_bit: 28,
            free_bytes: free,
            contig_bytes: free - 108,
            sum_frag: 108,
            max_frag: 100,
            cur_min_alloc: 4,
            cur_med_alloc: 24,
            cur_max_alloc: 48,
        };
        assert_eq!(chunk.stats(), want);
    }

    #[test]
    fn an_empty_chunk_has_no_allocations() {
        let stats = Chunk::new(8192, 4096, 0, 0).stats();
        let want = ChunkStats { free_bytes: 8192, contig_bytes: 8192, ..ChunkStats::default() };
        assert_eq!(stats, want);
    }
}
