//! [`Extreme`]: the highest rank that was recorded, exactly, and whether any was.
//!
//! # Nothing yet
//! A rank is any `u64`, a fresh copy is zero, and 2^64 ranks and "nothing" do not
//! fit into a word. So each unit has two:
//!
//! | `BEST` | `LOWEST` | recorded here |
//! | --- | --- | --- |
//! | 0 | 0 | nothing |
//! | 0 | 1 | rank 0, once or more, and nothing else |
//! | r > 0 | any | r, and nothing above |
//!
//! Rank 0 is the value that loses to all others (of a `Max<u64>` 0, of a `Min<u64>`
//! 2^64 - 1), so `LOWEST` is looked at only while it is all that there is.
//!
//! # Why it is exact
//! 1. A copy of `BEST` is changed by its own CPU alone, by a compare-exchange that
//!    raises it: it never goes down.
//! 2. A `record` returns when it saw some unit's copy at its rank or above. Which
//!    unit does not matter: the highest copy is what counts.
//! 3. Whoever comes after that `record` sees that copy at its rank or above, or for
//!    rank 0 `LOWEST`. So nothing is missed; and what is in a copy was recorded.
//!
//! There is no reset: to clear another CPU's copy is a remote write, which its CPU's
//! next commit may undo or which undoes that. For a window, use a new one in each.

use percpu_core::__private::mutated;
use percpu_core::atomic::{AtomicU64, Ordering};

use crate::storage::Storage;

/// What every unit has: `BEST` and `LOWEST`.
pub(crate) type Ranks = [AtomicU64; 2];

const BEST: usize = 0;
const LOWEST: usize = 1;

#[derive(Debug)]
pub(crate) struct Extreme<S>(pub(crate) S);

impl<S: Storage<Item = Ranks>> Extreme<S> {
    #[inline]
    pub(crate) fn record(&self, rank: u64) {
        let seen = self.0.copies().at(BEST).load();
        if rank > seen {
            self.raise(seen, rank);
        } else if rank == 0 && seen == 0 {
            self.mark();
        }
    }

    /// The copy of the CPU that this ran on a moment ago held `seen`; the one it is
    /// on now may hold anything.
    #[cold]
    #[inline(never)]
    fn raise(&self, mut seen: u64, rank: u64) {
        let best = self.0.copies().at(BEST);
        if mutated("record_stores") {
            return best.store(rank);
        }
        while rank > seen {
            match best.compare_exchange(seen, rank) {
                Ok(_) => return,
                Err(found) => seen = found,
            }
        }
    }

    fn mark(&self) {
        let lowest = self.0.copies().at(LOWEST);
        if lowest.load() == 0 {
            lowest.store(1);
        }
    }

    /// The highest rank, if one was recorded.
    pub(crate) fn get(&self) -> Option<u64> {
        // Relaxed: a value by itself, as sums are read.
        let highest = |word: usize| {
            self.0.in_use().map(|(_, ranks)| ranks[word].load(Ordering::Relaxed)).max()
        };
        match highest(BEST) {
            Some(0) | None => highest(LOWEST).filter(|&mark| mark == 1).map(|_| 0),
            best => best,
        }
    }
}
