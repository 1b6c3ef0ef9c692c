//! [`Counter`] and [`Words`]: what every rival implements.

/// A count that threads add to.
///
/// `thread` is the index of the calling member of the [`Crew`](crate::crew::Crew).
/// Only a contender that keeps one word per thread without looking it up uses it.
pub trait Counter: Send + Sync + 'static {
    /// Its name in tables and benchmark ids.
    const NAME: &'static str;

    /// A counter of its own, or a view of a thread-local or static one.
    fn new() -> Self;

    /// Adds one. Implementations are `#[inline(always)]`: the loop around is measured.
    fn inc(&self, thread: usize);

    /// Adds `n`, which the caller keeps from being a constant.
    fn add(&self, thread: usize, n: u64);

    /// The sum over all threads, or `None` where a thread's count is its own secret.
    ///
    /// Only differences mean something: a static word has counted before.
    fn total(&self) -> Option<u64>;
}

/// How many words the random-order benchmarks use: 32 KiB of `u64`, the
/// largest block of per-CPU memory in the default configuration.
pub const WORDS: usize = 4096;

/// The most threads that take part: contenders with a word per thread hold so many.
pub const MAX_THREADS: usize = 2;

/// [`WORDS`] counts that threads add to.
pub trait Words: Send + Sync + 'static {
    /// Its name in tables and benchmark ids.
    const NAME: &'static str;

    /// All words at zero, or a view of thread-local ones.
    fn new() -> Self;

    /// Adds one to word `index`.
    fn inc(&self, thread: usize, index: usize);

    /// The sum over all words and threads, as [`Counter::total`].
    fn total(&self) -> Option<u64>;
}

/// One separate counter for each word: what a program with 4096 metrics has.
#[derive(Debug)]
pub struct Each<C>(Vec<C>);

impl<C: Counter> Words for Each<C> {
    const NAME: &'static str = C::NAME;

    fn new() -> Self {
        Self((0..WORDS).map(|_| C::new()).collect())
    }

    #[inline(always)]
    fn inc(&self, thread: usize, index: usize) {
        self.0[index].inc(thread);
    }

    fn total(&self) -> Option<u64> {
        self.0.iter().map(C::total).sum()
    }
}
