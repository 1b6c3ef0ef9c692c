//! The rivals: what people use today to count from many threads.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use contatori::counters::Observable as _;
use crossbeam_utils::CachePadded;

use crate::contender::{Counter, MAX_THREADS, WORDS, Words};
use crate::raw;

thread_local! {
    static FLOOR: Cell<u64> = const { Cell::new(0) };
    static FLOOR_WORDS: [Cell<u64>; WORDS] = const { [const { Cell::new(0) }; WORDS] };
    static CELL: Cell<u64> = const { Cell::new(0) };
    static CELL_WORDS: [Cell<u64>; WORDS] = const { [const { Cell::new(0) }; WORDS] };
}

/// One plain `add` to thread-local memory: nothing that counts can be faster.
#[derive(Debug)]
pub struct Floor;

impl Counter for Floor {
    const NAME: &'static str = "floor (asm add, thread-local)";

    fn new() -> Self {
        Self
    }

    #[inline(always)]
    fn inc(&self, _: usize) {
        FLOOR.with(raw::plain_inc);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        FLOOR.with(|word| raw::plain_add(word, n));
    }

    fn total(&self) -> Option<u64> {
        None
    }
}

impl Words for Floor {
    const NAME: &'static str = <Self as Counter>::NAME;

    fn new() -> Self {
        Self
    }

    #[inline(always)]
    fn inc(&self, _: usize, index: usize) {
        FLOOR_WORDS.with(|words| raw::plain_inc(&words[index]));
    }

    fn total(&self) -> Option<u64> {
        None
    }
}

/// std's `thread_local!` with a `Cell<u64>`: private, nobody else can sum it.
#[derive(Debug)]
pub struct ThreadLocalCell;

impl Counter for ThreadLocalCell {
    const NAME: &'static str = "thread-local Cell (private)";

    fn new() -> Self {
        Self
    }

    #[inline(always)]
    fn inc(&self, thread: usize) {
        self.add(thread, 1);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        CELL.with(|word| cell_add(word, n));
    }

    fn total(&self) -> Option<u64> {
        None
    }
}

impl Words for ThreadLocalCell {
    const NAME: &'static str = <Self as Counter>::NAME;

    fn new() -> Self {
        Self
    }

    #[inline(always)]
    fn inc(&self, _: usize, index: usize) {
        CELL_WORDS.with(|words| cell_add(&words[index], 1));
    }

    fn total(&self) -> Option<u64> {
        None
    }
}

#[inline(always)]
fn cell_add(word: &Cell<u64>, n: u64) {
    word.set(word.get().wrapping_add(n));
    raw::observe(word);
}

/// An atomic for each thread, on a line of its own, handed to the thread.
#[derive(Debug, Default)]
pub struct PrivateAtomic([CachePadded<AtomicU64>; MAX_THREADS]);

impl Counter for PrivateAtomic {
    const NAME: &'static str = "AtomicU64, one per thread";

    fn new() -> Self {
        Self::default()
    }

    #[inline(always)]
    fn inc(&self, thread: usize) {
        self.add(thread, 1);
    }

    #[inline(always)]
    fn add(&self, thread: usize, n: u64) {
        self.0[thread].fetch_add(n, Relaxed);
    }

    fn total(&self) -> Option<u64> {
        Some(sum(self.0.iter().map(|word| &**word)))
    }
}

/// A packed row of atomics for each thread.
#[derive(Debug)]
pub struct PrivateAtomics([Row; MAX_THREADS]);

impl Words for PrivateAtomics {
    const NAME: &'static str = PrivateAtomic::NAME;

    fn new() -> Self {
        Self(std::array::from_fn(|_| row()))
    }

    #[inline(always)]
    fn inc(&self, thread: usize, index: usize) {
        self.0[thread][index].fetch_add(1, Relaxed);
    }

    fn total(&self) -> Option<u64> {
        Some(sum(self.0.iter().flat_map(|row| row.iter())))
    }
}

/// One atomic for all threads.
#[derive(Debug, Default)]
pub struct SharedAtomic(CachePadded<AtomicU64>);

impl Counter for SharedAtomic {
    const NAME: &'static str = "AtomicU64, shared";

    fn new() -> Self {
        Self::default()
    }

    #[inline(always)]
    fn inc(&self, thread: usize) {
        self.add(thread, 1);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    fn total(&self) -> Option<u64> {
        Some(self.0.load(Relaxed))
    }
}

/// One packed row of atomics for all threads.
#[derive(Debug)]
pub struct SharedAtomics(Row);

impl Words for SharedAtomics {
    const NAME: &'static str = SharedAtomic::NAME;

    fn new() -> Self {
        Self(row())
    }

    #[inline(always)]
    fn inc(&self, _: usize, index: usize) {
        self.0[index].fetch_add(1, Relaxed);
    }

    fn total(&self) -> Option<u64> {
        Some(sum(self.0.iter()))
    }
}

/// A padded atomic for each CPU, found by `sched_getcpu`.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct CpuArray(Box<[CachePadded<AtomicU64>]>);

#[cfg(target_os = "linux")]
impl Counter for CpuArray {
    const NAME: &'static str = "padded array by sched_getcpu";

    fn new() -> Self {
        Self((0..cpu_slots()).map(|_| CachePadded::default()).collect())
    }

    #[inline(always)]
    fn inc(&self, thread: usize) {
        self.add(thread, 1);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        self.0[raw::sched_getcpu() & (self.0.len() - 1)].fetch_add(n, Relaxed);
    }

    fn total(&self) -> Option<u64> {
        Some(sum(self.0.iter().map(|word| &**word)))
    }
}

/// A packed row of atomics for each CPU, found by `sched_getcpu`.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct CpuArrays(Box<[Row]>);

#[cfg(target_os = "linux")]
impl Words for CpuArrays {
    const NAME: &'static str = CpuArray::NAME;

    fn new() -> Self {
        Self((0..cpu_slots()).map(|_| row()).collect())
    }

    #[inline(always)]
    fn inc(&self, _: usize, index: usize) {
        self.0[raw::sched_getcpu() & (self.0.len() - 1)][index].fetch_add(1, Relaxed);
    }

    fn total(&self) -> Option<u64> {
        Some(sum(self.0.iter().flat_map(|row| row.iter())))
    }
}

/// fast-counter: atomics in shards, a thread's shard by its number.
#[derive(Debug)]
pub struct FastCounter(fast_counter::ConcurrentCounter);

impl Counter for FastCounter {
    const NAME: &'static str = "fast-counter";

    fn new() -> Self {
        // As its documentation advises: enough cells for the threads that write.
        Self(fast_counter::ConcurrentCounter::new(MAX_THREADS))
    }

    #[inline(always)]
    fn inc(&self, _: usize) {
        self.0.add(1);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        self.0.add(n as isize);
    }

    fn total(&self) -> Option<u64> {
        Some(self.0.sum() as u64)
    }
}

/// contatori: 64 padded atomics, a thread's shard by its number.
#[derive(Debug)]
pub struct Contatori(contatori::counters::unsigned::Unsigned);

impl Counter for Contatori {
    const NAME: &'static str = "contatori";

    fn new() -> Self {
        Self(contatori::counters::unsigned::Unsigned::new())
    }

    #[inline(always)]
    fn inc(&self, _: usize) {
        self.0.add(1);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        self.0.add(n as usize);
    }

    fn total(&self) -> Option<u64> {
        Some(self.0.value().as_u64())
    }
}

/// hytra: a padded word for each thread, plain load and store.
#[derive(Debug, Default)]
pub struct Hytra(hytra::TrAdder<u64>);

impl Counter for Hytra {
    const NAME: &'static str = "hytra";

    fn new() -> Self {
        Self::default()
    }

    #[inline(always)]
    fn inc(&self, _: usize) {
        self.0.inc(1);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        self.0.inc(n);
    }

    fn total(&self) -> Option<u64> {
        Some(self.0.get())
    }
}

/// The crate `thread_local` with an atomic that only its thread writes: a plain load and store.
#[derive(Debug, Default)]
pub struct ThreadLocalAtomic(thread_local::ThreadLocal<CachePadded<AtomicU64>>);

impl Counter for ThreadLocalAtomic {
    const NAME: &'static str = "thread_local + AtomicU64";

    fn new() -> Self {
        Self::default()
    }

    #[inline(always)]
    fn inc(&self, thread: usize) {
        self.add(thread, 1);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        let word = self.0.get_or_default();
        word.store(word.load(Relaxed).wrapping_add(n), Relaxed);
    }

    fn total(&self) -> Option<u64> {
        Some(sum(self.0.iter().map(|word| &**word)))
    }
}

/// prometheus: one shared atomic.
#[derive(Debug)]
pub struct Prometheus(prometheus::IntCounter);

impl Counter for Prometheus {
    const NAME: &'static str = "prometheus IntCounter";

    fn new() -> Self {
        Self(prometheus::IntCounter::new("ops", "operations").expect("a valid name"))
    }

    #[inline(always)]
    fn inc(&self, _: usize) {
        self.0.inc();
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        self.0.inc_by(n);
    }

    fn total(&self) -> Option<u64> {
        Some(self.0.get())
    }
}

/// parking_lot: a number behind a lock.
#[derive(Debug, Default)]
pub struct Mutex(CachePadded<parking_lot::Mutex<u64>>);

impl Counter for Mutex {
    const NAME: &'static str = "parking_lot Mutex";

    fn new() -> Self {
        Self::default()
    }

    #[inline(always)]
    fn inc(&self, thread: usize) {
        self.add(thread, 1);
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        *self.0.lock() += n;
    }

    fn total(&self) -> Option<u64> {
        Some(*self.0.lock())
    }
}

/// [`WORDS`] atomics side by side.
type Row = Box<[AtomicU64; WORDS]>;

fn row() -> Row {
    Box::new([const { AtomicU64::new(0) }; WORDS])
}

fn sum<'a>(words: impl Iterator<Item = &'a AtomicU64>) -> u64 {
    words.map(|word| word.load(Relaxed)).sum()
}

/// Slots for every CPU this process may run on, a power of two for a cheap index.
#[cfg(target_os = "linux")]
fn cpu_slots() -> usize {
    let cpus = core_affinity::get_core_ids().unwrap_or_default();
    let last = cpus.iter().map(|cpu| cpu.id).max().unwrap_or(0);
    (last + 1).next_power_of_two()
}
