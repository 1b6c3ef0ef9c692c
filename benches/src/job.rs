//! [`Job`]: one contender in one loop, ready to be timed; [`Group`]: the jobs that are compared.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use crate::contender::{Counter, Each, WORDS, Words};
use crate::ours;
use crate::rivals::*;

/// A loop over one contender's operation.
///
/// The loop is compiled for its contender, so that the operation is inlined as
/// it would be in a program; the call of [`Job::run`] is the only indirect one.
pub trait Job: Send + Sync {
    /// The contender's name.
    fn name(&self) -> &'static str;

    /// Whether it is one of the project's own.
    fn is_ours(&self) -> bool {
        self.name().starts_with(ours::PREFIX)
    }

    /// Runs the operation `ops` times as the crew's member `thread`.
    fn run(&self, thread: usize, ops: u64);

    /// What the contender has counted, if that can be known from outside a thread.
    fn total(&self) -> Option<u64>;

    /// By how much one operation raises [`Job::total`].
    fn step(&self) -> u64;
}

/// The list of contenders for one word.
macro_rules! every_counter {
    ($job:ident) => {
        vec![
            $job::<Floor>(),
            $job::<ThreadLocalCell>(),
            $job::<ours::Static>(),
            $job::<ours::Dynamic>(),
            $job::<ours::Counted>(),
            $job::<PrivateAtomic>(),
            $job::<SharedAtomic>(),
            #[cfg(target_os = "linux")]
            $job::<CpuArray>(),
            $job::<FastCounter>(),
            $job::<Contatori>(),
            $job::<Hytra>(),
            $job::<ThreadLocalAtomic>(),
            $job::<Prometheus>(),
            $job::<Mutex>(),
        ]
    };
}

/// The list of contenders for many words.
macro_rules! every_words {
    ($job:ident) => {
        vec![
            $job::<Floor>(),
            $job::<ThreadLocalCell>(),
            $job::<ours::Packed>(),
            $job::<ours::Handles>(),
            $job::<PrivateAtomics>(),
            $job::<SharedAtomics>(),
            #[cfg(target_os = "linux")]
            $job::<CpuArrays>(),
            $job::<Each<FastCounter>>(),
            $job::<Each<Contatori>>(),
            $job::<Each<Hytra>>(),
            $job::<Each<ThreadLocalAtomic>>(),
            $job::<Each<Prometheus>>(),
            $job::<Each<Mutex>>(),
        ]
    };
}

/// One question: jobs that do the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// One word, plus one.
    Inc,
    /// One word, plus a number the compiler does not know.
    Add,
    /// [`WORDS`] words in random order, plus one.
    Random,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Inc, Self::Add, Self::Random];

    /// A fresh job for every contender, the floor first.
    pub fn jobs(self) -> Vec<Arc<dyn Job>> {
        match self {
            Self::Inc => every_counter!(inc),
            Self::Add => every_counter!(add),
            Self::Random => every_words!(random),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inc => "one word, inc",
            Self::Add => "one word, add(n)",
            Self::Random => "4096 words in random order, inc",
        })
    }
}

fn inc<C: Counter>() -> Arc<dyn Job> {
    Arc::new(Inc(C::new()))
}

fn add<C: Counter>() -> Arc<dyn Job> {
    Arc::new(Add { counter: C::new(), n: 3 })
}

fn random<W: Words>() -> Arc<dyn Job> {
    let mut order: [u16; WORDS] = std::array::from_fn(|index| index as u16);
    // The same order for everybody, and on every run.
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    Arc::new(Random { words: W::new(), order })
}

struct Inc<C>(C);

impl<C: Counter> Job for Inc<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn run(&self, thread: usize, ops: u64) {
        for _ in 0..ops {
            self.0.inc(thread);
        }
    }

    fn total(&self) -> Option<u64> {
        self.0.total()
    }

    fn step(&self) -> u64 {
        1
    }
}

struct Add<C> {
    counter: C,
    n: u64,
}

impl<C: Counter> Job for Add<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn run(&self, thread: usize, ops: u64) {
        let n = black_box(self.n);
        for _ in 0..ops {
            self.counter.add(thread, n);
        }
    }

    fn total(&self) -> Option<u64> {
        self.counter.total()
    }

    fn step(&self) -> u64 {
        self.n
    }
}

struct Random<W> {
    words: W,
    order: [u16; WORDS],
}

impl<W: Words> Job for Random<W> {
    fn name(&self) -> &'static str {
        W::NAME
    }

    fn run(&self, thread: usize, ops: u64) {
        let mut left = ops;
        while left > 0 {
            let sweep = left.min(WORDS as u64);
            for &index in &self.order[..sweep as usize] {
                self.words.inc(thread, usize::from(index));
            }
            left -= sweep;
        }
    }

    fn total(&self) -> Option<u64> {
        self.words.total()
    }

    fn step(&self) -> u64 {
        1
    }
}
