//! [`Delta`]: a count, and what the units have not told it yet.
//!
//! ```text
//!   add n:   |word + n| < batch?   word += n                     one section
//!            else  lock;  v = swap(word, FOLDING);  count += v + n;  word = 0;  unlock
//!   read:    count
//!   sum:     lock;  count + all words;  unlock
//! ```
//!
//! # Invariants
//! - A1: each word is below the batch in size, or `FOLDING`, which is out of any
//!   bounds, so that nothing is added to it: who would, waits for the lock.
//! - A2: what was added is in a word, or in the count, or is `v`, which one thread
//!   carries from the one to the other while the word stays `FOLDING`. So of each
//!   unit less than one batch is missing from the count, at every instant; with the
//!   word zeroed first it could be nearly two.
//! - A3: under the lock no word is `FOLDING` but one's own, and nothing is carried.
//!
//! The thread may be elsewhere by the time it zeroes the word: no other CPU's
//! section changes a word that is `FOLDING`, so a store from afar is alone there.

use percpu_core::__private::mutated;
use percpu_core::__raw::{Switch, whole};
use percpu_core::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use percpu_core::{Element, Error, Unit};

use crate::base::Base;
use crate::storage::{Storage, units_in_use};

/// Also what a unit without sections holds while its switch is closed.
const FOLDING: u64 = 1 << 63;

/// A counter's parts, its own or among many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delta<'a> {
    pub(crate) words: Element<'a, AtomicU64>,
    pub(crate) count: &'a AtomicI64,
    /// The largest batch that was ever used: no word is larger.
    pub(crate) largest: &'a AtomicU32,
    /// Closed to take one unit's word alone.
    pub(crate) switch: &'a Switch,
    pub(crate) lock: &'a Base<()>,
}

/// What a counter is made of.
pub(crate) trait Parts {
    fn delta(&self) -> Delta<'_>;
}

/// The parts of a counter by itself.
#[derive(Debug)]
pub struct Own<S> {
    pub(crate) words: S,
    pub(crate) count: AtomicI64,
    pub(crate) largest: AtomicU32,
    pub(crate) switch: Switch,
    pub(crate) lock: Base<()>,
}

impl<S: Storage<Item = AtomicU64>> Parts for Own<S> {
    #[inline(always)]
    fn delta(&self) -> Delta<'_> {
        let Self { words, count, largest, switch, lock } = self;
        Delta { words: whole(words.copies()), count, largest, switch, lock }
    }
}

/// The parts of one counter among many.
#[cfg(not(percpu_loom))]
#[derive(Clone, Copy, Debug)]
pub struct OneOf<'a>(pub(crate) Delta<'a>);

#[cfg(not(percpu_loom))]
impl Parts for OneOf<'_> {
    #[inline(always)]
    fn delta(&self) -> Delta<'_> {
        self.0
    }
}

impl Delta<'_> {
    /// Adds `n`; folds if this unit's word would reach `batch`.
    #[inline(always)]
    pub(crate) fn add(self, n: i64, batch: u32) {
        let most = u64::from(batch.max(1)) - 1;
        let fits = n.unsigned_abs() <= most
            && self.switch.add_within(&self.words, n as u64, most.wrapping_neg(), 2 * most).is_ok();
        if !fits {
            self.fold(n);
        }
    }

    /// As `add`, with a batch that may be larger than those before.
    #[inline]
    pub(crate) fn add_with_batch(self, n: i64, batch: u32) {
        // Relaxed: before the addition, in this thread; who compares after that
        // addition returned sees both.
        if batch > self.largest.load(Ordering::Relaxed) {
            self.largest.fetch_max(batch, Ordering::Relaxed);
        }
        self.add(n, batch);
    }

    /// How much the word of one unit may hold, and a little more.
    pub(crate) fn largest(self) -> u32 {
        self.largest.load(Ordering::Relaxed)
    }

    /// Adds `n`, and what this unit has not told, to the count.
    #[cold]
    #[inline(never)]
    pub(crate) fn fold(self, n: i64) {
        let _alone = (!mutated("approx_fold_unlocked")).then(|| self.lock.lock());
        let untold = self.words.swap(FOLDING) as i64;
        // Relaxed: a number of its own.
        self.count.fetch_add(untold.wrapping_add(n), Ordering::Relaxed);
        let mut words = units_in_use().map(|unit| self.words.on(unit));
        let word = words.find(|word| word.load() == FOLDING);
        // A3: this one is ours, wherever it is.
        word.expect("the word just swapped").as_atomic().store(0, Ordering::Relaxed);
    }

    /// Takes what `unit` has not told, from anywhere, into the count.
    pub(crate) fn fold_on(self, unit: Unit) -> Result<(), Error> {
        let _alone = self.lock.lock();
        self.switch.take_on(&self.words, unit, |untold| {
            self.count.fetch_add(untold as i64, Ordering::Relaxed);
        })
    }

    pub(crate) fn read(self) -> i64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn sum(self) -> i64 {
        let _alone = (!mutated("approx_sum_unlocked")).then(|| self.lock.lock());
        self.sum_alone()
    }

    fn sum_alone(self) -> i64 {
        self.read().wrapping_add(self.words.sum() as i64)
    }

    /// Makes `value` the sum; no word is written.
    pub(crate) fn set(self, value: i64) {
        let _alone = self.lock.lock();
        self.count.store(value.wrapping_sub(self.words.sum() as i64), Ordering::Relaxed);
    }

    /// Adds `n` if the sum stays on this side of `limit`: at most it if `n` is
    /// positive, at least it if `n` is negative.
    pub(crate) fn add_limited(self, limit: i64, n: i64, unknown: i64) -> bool {
        if n == 0 {
            return true;
        }
        let _alone = (!mutated("approx_limited_unlocked")).then(|| self.lock.lock());
        let fits = |sum: i64, unknown: i64| match n > 0 {
            true => sum.saturating_add(unknown).checked_add(n).is_some_and(|sum| sum <= limit),
            false => sum.saturating_sub(unknown).checked_add(n).is_some_and(|sum| sum >= limit),
        };
        let fit = fits(self.read(), unknown) || fits(self.sum_alone(), 0);
        if fit {
            self.count.fetch_add(n, Ordering::Relaxed);
        }
        fit
    }
}
