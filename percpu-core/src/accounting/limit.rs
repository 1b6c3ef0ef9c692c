//! The limit: one shared word that is charged, and a stock on each unit.
//!
//! ```text
//!   charged                                        limit
//!   ├─ handed out ─────────────┼─ stocks ─┼─ room ──┤
//!                                    │ far: more room than all stocks could hold
//!                                    │ near: less
//!
//!   take    from this CPU's stock, else charge; far: half a stock more
//!   give    into this CPU's stock, if far and it is not full; else uncharge, and
//!           of the stock what is above half (near: all)
//! ```
//! So in the far zone the shared word is touched once in half a stock of net growth
//! or loss; near the limit it is one atomic, and CPUs that free have no stock left. A
//! refusal was tried with this CPU's own stock given back: it is early by what *other*
//! CPUs have, or threads are about to put there. All stocks are a sixteenth of the
//! limit at most:
//!
//! ```text
//!   most a stock may hold = min(64 KiB, limit / 16 / units), units rounded up to 2^n
//! ```
//!
//! # Orderings
//! An uncharge is a Release, after `A` has the memory; a charge is an Acquire, before
//! `A` is asked: who has the room of a block that was freed comes after its free.

use crate::atomic::{AtomicU64, Ordering};
use crate::mutate::{mutated, order};

use super::count::Count;
use super::words::Words;

/// More in stock saves next to nothing.
const MOST_IN_STOCK: u64 = 64 << 10;
/// The part of the limit that all stocks may be, as a power of two.
const PART_LOG2: u32 = 4;

/// No limit is set, though one could be.
const UNLIMITED: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Limit {
    /// Whether allocations are charged: all of them or none.
    charges: bool,
    shared: Shared,
}

/// On a line of its own: written now and then, unlike what lies before.
#[derive(Debug)]
#[repr(align(64))]
struct Shared {
    limit: AtomicU64,
    charged: AtomicU64,
    refusals: AtomicU64,
}

#[cfg(not(percpu_loom))]
impl Limit {
    /// Allocations are not charged.
    pub(super) const fn none() -> Self {
        Self::new(false, UNLIMITED)
    }

    pub(super) const fn of(bytes: usize) -> Self {
        Self::new(true, from_usize(bytes))
    }

    const fn new(charges: bool, limit: u64) -> Self {
        let zero = AtomicU64::new(0);
        let (limit, refusals) = (AtomicU64::new(limit), AtomicU64::new(0));
        Self { charges, shared: Shared { limit, charged: zero, refusals } }
    }
}

#[cfg(percpu_loom)]
impl Limit {
    /// Allocations are not charged.
    pub(super) fn none() -> Self {
        Self::new(false, UNLIMITED)
    }

    pub(super) fn of(bytes: usize) -> Self {
        Self::new(true, from_usize(bytes))
    }

    fn new(charges: bool, limit: u64) -> Self {
        let zero = AtomicU64::new(0);
        let (limit, refusals) = (AtomicU64::new(limit), AtomicU64::new(0));
        Self { charges, shared: Shared { limit, charged: zero, refusals } }
    }
}

impl Limit {
    /// Whether it could be set: allocations are not charged otherwise.
    pub(super) fn set(&self, limit: Option<usize>) -> bool {
        if self.charges {
            // Relaxed: who should know of it is told by whoever calls this.
            self.shared.limit.store(limit.map_or(UNLIMITED, from_usize), Ordering::Relaxed);
        }
        self.charges
    }

    pub(super) fn get(&self) -> Option<u64> {
        let limit = self.shared.limit.load(Ordering::Relaxed);
        Some(limit).filter(|&limit| limit != UNLIMITED)
    }

    /// Bytes handed out and in stock, if they are charged.
    pub(super) fn charged(&self) -> Option<u64> {
        self.charges.then(|| self.shared.charged.load(Ordering::Relaxed))
    }

    pub(super) fn refusals(&self) -> u64 {
        self.shared.refusals.load(Ordering::Relaxed)
    }

    /// Whether `n` more bytes may be handed out; they count as such from now on.
    #[inline(always)]
    pub(super) fn charge(&self, words: &Words, n: u64) -> bool {
        !self.charges || self.take(words, n)
    }

    /// `n` bytes are not handed out any more.
    #[inline(always)]
    pub(super) fn uncharge(&self, words: &Words, n: u64) {
        if self.charges {
            self.give(words, n);
        }
    }

    // Not inlined, as `give`: who has no limit does not save registers for it.
    #[inline(never)]
    fn take(&self, words: &Words, n: u64) -> bool {
        // Over it, as after it was lowered, no stock is for use.
        let within = self.shared.charged.load(Ordering::Relaxed)
            <= self.shared.limit.load(Ordering::Relaxed)
            || mutated("limit_stock_over_it");
        (within && words.update(Count::Stock, |stock| stock.checked_sub(n)).is_some())
            || self.charge_shared(words, n)
    }

    #[inline(never)]
    fn give(&self, words: &Words, n: u64) {
        let zone = self.zone(words, self.shared.charged.load(Ordering::Relaxed));
        let room = |stock: u64| stock.checked_add(n).filter(|&stock| stock <= zone.most);
        if zone.most < n || words.update(Count::Stock, room).is_none() {
            self.uncharge_shared(words, n, zone);
        }
    }

    #[cold]
    #[inline(never)]
    fn charge_shared(&self, words: &Words, n: u64) -> bool {
        let charged = self.try_charge(words, n)
            // Perhaps what this CPU has is what is missing.
            || (!mutated("limit_keeps_stock") && self.collect(words, 0) && self.try_charge(words, n));
        if !charged {
            self.shared.refusals.fetch_add(1, Ordering::Relaxed);
        }
        charged
    }

    #[cold]
    #[inline(never)]
    fn uncharge_shared(&self, words: &Words, n: u64, zone: Zone) {
        self.collect(words, zone.most / 2);
        // Release: see above.
        self.shared.charged.fetch_sub(n, order(Ordering::Release, "limit_uncharge_relaxed"));
    }

    /// Charges `n`, and far from the limit something for the stock.
    fn try_charge(&self, words: &Words, n: u64) -> bool {
        let mut charged = self.shared.charged.load(Ordering::Relaxed);
        let (zone, batch) = loop {
            let zone = self.zone(words, charged.saturating_add(n));
            // Who takes much leaves the stock to others.
            let batch = if n < zone.most { zone.most / 2 } else { 0 };
            let limit = self.shared.limit.load(Ordering::Relaxed);
            let new = n.checked_add(batch).and_then(|bytes| charged.checked_add(bytes));
            let fits = |&new: &u64| new <= limit || mutated("limit_not_checked");
            let Some(new) = new.filter(fits) else { return false };
            // Acquire: see above.
            let (done, failed) =
                (order(Ordering::Acquire, "limit_charge_relaxed"), Ordering::Relaxed);
            match self.shared.charged.compare_exchange_weak(charged, new, done, failed) {
                Ok(_) => break (zone, batch),
                Err(now) => charged = now,
            }
        };
        let room = |stock: u64| stock.checked_add(batch).filter(|&stock| stock <= zone.most);
        if batch > 0 && words.update(Count::Stock, room).is_none() && !mutated("limit_batch_lost") {
            // Release: as all that is given back. It was nobody's since it was charged, and
            // frees before that are handed on by read-modify-writes anyway.
            self.shared.charged.fetch_sub(batch, Ordering::Release);
        }
        true
    }

    /// Gives back what this CPU has in stock above `keep`; whether there was any.
    fn collect(&self, words: &Words, keep: u64) -> bool {
        let above = words.update(Count::Stock, |stock| (stock > keep).then_some(keep));
        if let Some(stock) = above {
            // Release: as for an uncharge, which the stock may have come from.
            let given = order(Ordering::Release, "limit_collect_relaxed");
            self.shared.charged.fetch_sub(stock - keep, given);
        }
        above.is_some()
    }

    /// What a stock may hold when so much is charged.
    #[inline(always)]
    fn zone(&self, words: &Words, charged: u64) -> Zone {
        let none = Zone { most: 0 };
        // Without words on units there are no stocks.
        let Some(units_log2) = words.units_log2() else { return none };
        let limit = self.shared.limit.load(Ordering::Relaxed);
        let most = (limit >> (PART_LOG2 + units_log2)).min(MOST_IN_STOCK);
        let all = most << units_log2;
        if charged.saturating_add(all) < limit { Zone { most } } else { none }
    }
}

/// Far from the limit, or near it.
#[derive(Clone, Copy)]
struct Zone {
    /// Bytes that one stock may hold: none near the limit.
    most: u64,
}

const fn from_usize(bytes: usize) -> u64 {
    if bytes == usize::MAX { UNLIMITED } else { bytes as u64 }
}
