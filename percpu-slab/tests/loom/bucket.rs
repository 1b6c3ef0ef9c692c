//! The magazines of `PerCpuAlloc`: a block is at one place, also if a stack refuses in
//! place of waiting.

use std::alloc::Layout;
use std::sync::Arc;

use percpu_core::model::{Builder, Machine, Outcomes};
use percpu_slab::__model::Bucket;
use percpu_slab::raw::{SlabOptions, Slabs};

/// As the allocator's backend: a bucket above slabs.
struct Blocks {
    bucket: Bucket,
    slabs: Slabs,
}

impl Blocks {
    /// Magazines of one block, one a CPU.
    fn new(magazine: usize, depot: usize) -> Arc<Self> {
        let mut options = SlabOptions::default();
        options.min_objects = Some(4);
        let layout = Layout::from_size_align(1024, 8).unwrap();
        let bucket = Bucket::with(magazine, 1, 1, depot).unwrap();
        Arc::new(Self { bucket, slabs: slabs(layout, options) })
    }

    fn alloc(&self) -> u64 {
        match self.bucket.pop() {
            Ok(block) => block,
            Err(refused) => self.bucket.refill(refused, &self.slabs).unwrap(),
        }
    }

    fn free(&self, block: u64) {
        if let Err(refused) = self.bucket.push(block) {
            self.bucket.spill(block, refused, &self.slabs);
        }
    }

    /// How many blocks are with users, if nobody moves any.
    fn live(&self) -> usize {
        self.slabs.stats().live - self.bucket.cached()
    }

    /// All have come back: they can be had, once each.
    fn end(&self) {
        assert_eq!(self.live(), 0, "lost");
        self.bucket.flush(&self.slabs).unwrap();
        let stats = self.slabs.stats();
        assert_eq!((stats.live, stats.double_frees), (0, 0), "stranded, or twice");
    }
}

fn allocates_and_frees(machine: Machine, cpu: u32, blocks: &Arc<Blocks>) -> impl FnOnce() {
    let theirs = Arc::clone(blocks);
    let thread = machine.spawn_on(cpu, move || {
        let two = [theirs.alloc(), theirs.alloc()];
        assert_ne!(two[0], two[1], "one block for two");
        two.into_iter().for_each(|block| theirs.free(block));
    });
    move || thread.join().unwrap()
}

/// A flush stops the stack under who allocates and frees there.
#[test]
fn flush_against_alloc_and_free() {
    static CACHED: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(1).check(|machine| {
        let blocks = Blocks::new(1, 1);
        let one = blocks.alloc();
        blocks.free(one);
        let works = allocates_and_frees(machine, 0, &blocks);
        let theirs = Arc::clone(&blocks);
        let flushes = machine.spawn_without_rseq(move || theirs.bucket.flush(&theirs.slabs));
        works();
        flushes.join().unwrap().unwrap();
        CACHED.saw(blocks.bucket.cached());
        blocks.end();
    });
    CACHED.assert_exactly([0, 1, 2]);
}

/// One thread frees what another one has allocated; full magazines go by the depot.
#[test]
fn free_elsewhere_against_alloc() {
    static SAME: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let blocks = Blocks::new(1, 1);
        let two = [blocks.alloc(), blocks.alloc()];
        let theirs = Arc::clone(&blocks);
        let frees = machine.spawn_on(1, move || two.map(|block| theirs.free(block)));
        let theirs = Arc::clone(&blocks);
        let allocs = machine.spawn_on(0, move || theirs.alloc());
        frees.join().unwrap();
        let block = allocs.join().unwrap();
        SAME.saw(two.contains(&block));
        assert_eq!(blocks.live(), 1, "lost, or twice");
        blocks.free(block);
        blocks.end();
    });
    SAME.assert_exactly([false, true]);
}

/// Two threads of one CPU, of which one is interrupted inside of the other's: as a signal
/// handler that allocates.
#[test]
fn alloc_and_free_against_the_same_on_one_cpu() {
    static CACHED: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let blocks = Blocks::new(2, 1);
        let threads = [(); 2].map(|()| {
            let theirs = Arc::clone(&blocks);
            machine.spawn_on(0, move || {
                let block = theirs.alloc();
                theirs.free(block);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        CACHED.saw(blocks.bucket.cached());
        blocks.end();
    });
    CACHED.assert_seen([2, 4]);
}

/// A thread without sections, and one of a CPU whose stack is that of all others.
#[test]
fn portable_flush_against_alloc_and_free() {
    static CACHED: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).portable().preemptions(2).check(|machine| {
        let blocks = Blocks::new(1, 1);
        let one = blocks.alloc();
        blocks.free(one);
        let works = allocates_and_frees(machine, 0, &blocks);
        let theirs = Arc::clone(&blocks);
        let flushes = machine.spawn_on(0, move || theirs.bucket.flush(&theirs.slabs));
        works();
        flushes.join().unwrap().unwrap();
        CACHED.saw(blocks.bucket.cached());
        blocks.end();
    });
    CACHED.assert_exactly([0, 1, 2]);
}

/// Slabs as the allocator has them.
fn slabs(layout: Layout, options: SlabOptions) -> Slabs {
    super::slabs::new(layout, options)
}
