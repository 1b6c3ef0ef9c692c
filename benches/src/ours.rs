//! The project's own contenders.

use percpu_core::atomic::AtomicU64;
use percpu_core::{PerCpu, percpu};

use crate::contender::{Counter, Each, WORDS, Words};

/// What the names of all of ours begin with.
pub const PREFIX: &str = "percpu";

/// The contender that the bounds on one word speak of.
pub const STATIC: &str = "percpu static word";

/// The contender that the bounds on many words speak of.
pub const PACKED: &str = "percpu packed";

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(0);
}

/// A declared word, one for all instances.
#[derive(Debug)]
pub struct Static;

impl Counter for Static {
    const NAME: &'static str = STATIC;

    fn new() -> Self {
        Self
    }

    #[inline(always)]
    fn inc(&self, _: usize) {
        WORD.inc();
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        WORD.add(n);
    }

    fn total(&self) -> Option<u64> {
        Some(WORD.sum())
    }
}

/// An allocated word.
#[derive(Debug)]
pub struct Dynamic(PerCpu<AtomicU64>);

impl Counter for Dynamic {
    const NAME: &'static str = "percpu dynamic word";

    fn new() -> Self {
        Self(PerCpu::zeroed().expect("8 bytes a CPU"))
    }

    #[inline(always)]
    fn inc(&self, _: usize) {
        self.0.inc();
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        self.0.add(n);
    }

    fn total(&self) -> Option<u64> {
        Some(self.0.sum())
    }
}

/// The counter with an exact read-and-reset, over an allocated word.
#[derive(Debug)]
pub struct Counted(percpu_counter::Counter);

impl Counter for Counted {
    const NAME: &'static str = "percpu-counter Counter";

    fn new() -> Self {
        Self(percpu_counter::Counter::new().expect("8 bytes a CPU"))
    }

    #[inline(always)]
    fn inc(&self, _: usize) {
        self.0.inc();
    }

    #[inline(always)]
    fn add(&self, _: usize, n: u64) {
        self.0.add(n);
    }

    fn total(&self) -> Option<u64> {
        Some(self.0.sum())
    }
}

/// One allocation for all words: a row of them on every CPU.
#[derive(Debug)]
pub struct Packed(PerCpu<[AtomicU64; WORDS]>);

impl Words for Packed {
    const NAME: &'static str = PACKED;

    fn new() -> Self {
        Self(PerCpu::zeroed().expect("32 KiB a CPU"))
    }

    #[inline(always)]
    fn inc(&self, _: usize, index: usize) {
        self.0.at(index).inc();
    }

    fn total(&self) -> Option<u64> {
        Some((0..WORDS).map(|index| self.0.at(index).sum()).sum())
    }
}

/// An allocation and a handle for each word.
#[derive(Debug)]
pub struct Handles(Each<Dynamic>);

impl Words for Handles {
    const NAME: &'static str = "percpu handles";

    fn new() -> Self {
        Self(Each::new())
    }

    #[inline(always)]
    fn inc(&self, thread: usize, index: usize) {
        self.0.inc(thread, index);
    }

    fn total(&self) -> Option<u64> {
        self.0.total()
    }
}
