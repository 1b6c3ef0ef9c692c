//! [`Magazines`]: free items on every CPU, above a depot a node.
//!
//! # Why
//! Most of what is freed is wanted again soon, by the same CPU. So each CPU has a stack
//! of free items that only its own sections change. When it runs empty or full, a whole
//! magazine comes from the depot or goes there, so that a CPU that only frees feeds one
//! that only allocates; and only when the depot has none, or no room, the source below
//! is asked.
//!
//! # Invariants
//! - M1: an item is at one place: at a user's, on one stack, in one cell of a depot, in
//!   the hands of a thread in a slow path, or below.
//! - M2: `put` touches the magazines for the last time when its item is pushed, or
//!   released: until then the item keeps alive what holds them. So what it does with
//!   other items comes before.
//! - M3: once `close` has returned no item comes to a stack or a depot again but those
//!   that whoever brought them takes out again: the limit is 0, and whoever has put a
//!   magazine looks at `closed` after it.

use core::fmt;

use percpu_core::__raw::{RawStack, mutated};
use percpu_core::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use percpu_core::{PerCpu, Unit};

use super::depot::Depot;
use super::source::Source;
use crate::error::Error;

/// The most items of a magazine: one section moves it whole.
pub(crate) const MAX_MAGAZINE: usize = 60;

/// How large magazines are, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MagazineOptions {
    /// Items of a magazine, 1 to 60.
    pub magazine: usize,
    /// Magazines a CPU has at first: 2, one to allocate from and one to free to.
    pub magazines: usize,
    /// Magazines a CPU may come to have under traffic.
    pub max_magazines: usize,
    /// Full magazines in the depot of a node.
    #[doc(alias = "MAX_FULL_SHEAVES")]
    pub depot: usize,
}

impl Default for MagazineOptions {
    fn default() -> Self {
        Self { magazine: 28, magazines: 2, max_magazines: 8, depot: 10 }
    }
}

impl MagazineOptions {
    fn check(&self) -> Result<(), Error> {
        let check = |name, value, min, max| match (min..=max).contains(&value) {
            true => Ok(()),
            false => Err(Error::Option { name, value, min, max }),
        };
        check("magazine", self.magazine, 1, MAX_MAGAZINE)?;
        check("magazines", self.magazines, 1, 64)?;
        check("max_magazines", self.max_magazines, self.magazines, 64)?;
        check("depot", self.depot, 0, 1 << 16)
    }
}

/// Free items on every CPU, above a depot a node.
#[doc(alias = "slub_percpu_sheaves")]
pub struct Magazines {
    stack: RawStack,
    /// Items that a CPU may keep now. 0 once it is closed.
    limit: AtomicUsize,
    closed: AtomicBool,
    options: MagazineOptions,
    depots: Box<[Depot]>,
    /// Of each CPU: whether it ran empty since it last ran full.
    refilled: PerCpu<AtomicU64>,
}

impl Magazines {
    /// Empty magazines.
    ///
    /// # Errors
    /// [`Error::Option`]; as [`PerCpu::zeroed`].
    pub fn new(options: MagazineOptions) -> Result<Self, Error> {
        options.check()?;
        #[cfg(not(percpu_loom))]
        let nodes = percpu_core::info()?.topology().nr_node_ids();
        #[cfg(percpu_loom)]
        let nodes = 1;
        Ok(Self {
            stack: RawStack::with_capacity(options.magazine * options.max_magazines)?,
            limit: AtomicUsize::new(options.magazine * options.magazines),
            closed: AtomicBool::new(false),
            depots: (0..nodes).map(|_| Depot::new(options.depot, options.magazine)).collect(),
            refilled: PerCpu::zeroed()?,
            options,
        })
    }

    /// Takes an item of this CPU's, if it has one.
    #[inline(always)]
    pub fn get_cached(&self) -> Option<u64> {
        self.stack.pop().ok()
    }

    /// Gives this CPU an item, if it has room.
    #[inline(always)]
    pub fn put_cached(&self, item: u64) -> bool {
        // Relaxed: an old limit is as good; closing has its own rule (M3).
        self.stack.push(item, self.limit.load(Ordering::Relaxed)).is_ok()
    }

    /// Takes an item: this CPU's, or one of the depot, or a new one.
    ///
    /// # Errors
    /// The source's.
    #[inline(always)]
    pub fn get<S: Source>(&self, source: &S) -> Result<u64, S::Error> {
        match self.get_cached() {
            Some(item) => Ok(item),
            None => self.get_slow(source),
        }
    }

    /// Gives an item back. The source must be the one that it came from.
    #[inline(always)]
    pub fn put<S: Source>(&self, item: u64, source: &S) {
        if !self.put_cached(item) {
            self.put_slow(item, source);
        }
    }

    #[cold]
    #[inline(never)]
    fn get_slow<S: Source>(&self, source: &S) -> Result<u64, S::Error> {
        self.refilled.store(1);
        let mut buffer = [0; MAX_MAGAZINE];
        let magazine = &mut buffer[..self.options.magazine];
        let count = match self.depot().take(magazine) {
            0 => source.refill(magazine)?,
            count => count,
        };
        let (item, rest) = magazine[..count].split_last().expect("one at least");
        self.spread(rest, source);
        Ok(*item)
    }

    #[cold]
    #[inline(never)]
    fn put_slow<S: Source>(&self, item: u64, source: &S) {
        let mut grown = false;
        if self.refilled.swap(0) != 0 {
            grown = self.grow();
        }
        if !grown {
            let mut buffer = [0; MAX_MAGAZINE];
            let magazine = &mut buffer[..self.options.magazine];
            if let Ok(count) = self.stack.pop_into(magazine, 1) {
                self.store(&magazine[..count], source);
            }
        }
        // Last (M2).
        if !self.put_cached(item) {
            source.release(&[item]);
        }
    }

    /// Puts items of whoever holds one more where there is room.
    fn spread<S: Source>(&self, items: &[u64], source: &S) {
        if items.is_empty() {
            return;
        }
        let limit = self.limit.load(Ordering::Relaxed);
        let pushed = self.stack.push_batch(items, 1, limit).unwrap_or(0);
        if pushed < items.len() {
            self.store(&items[pushed..], source);
        }
    }

    /// Puts items of whoever holds one more into the depot, or below.
    fn store<S: Source>(&self, items: &[u64], source: &S) {
        if self.depot().put(items) {
            // A light Dekker: the put before the look; in `close` the mark before the
            // look into the depot.
            fence(Ordering::SeqCst);
            if self.closed.load(Ordering::Relaxed) && !mutated("magazines_no_look") {
                self.empty_depots(source);
            }
        } else {
            source.release(items);
        }
    }

    /// Lets CPUs keep a magazine more; `false` if they have as many as they may.
    fn grow(&self) -> bool {
        let most = self.options.magazine * self.options.max_magazines;
        // Relaxed: a number, and nothing hangs on it. 0 stays 0.
        let grow = |limit| match limit {
            0 => None,
            limit if limit >= most => None,
            limit => Some(most.min(limit + self.options.magazine)),
        };
        self.limit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).is_ok()
    }

    /// This node's.
    fn depot(&self) -> &Depot {
        if self.depots.len() > 1 {
            if let Ok(node) = percpu_core::current_node() {
                if let Some(depot) = self.depots.get(node.get() as usize) {
                    return depot;
                }
            }
        }
        &self.depots[0]
    }

    /// How many items lay in magazines and depots a moment ago; exact if nobody moves
    /// any meanwhile.
    pub fn cached(&self) -> usize {
        let units = Unit::all().into_iter().flatten();
        let stacks: usize = units.map(|unit| self.stack.len_on(unit)).sum();
        stacks + self.depots.iter().map(|depot| depot.len() * self.options.magazine).sum::<usize>()
    }

    /// Gives all items of one unit to the source.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing was taken.
    pub fn drain<S: Source>(&self, unit: Unit, source: &S) -> Result<(), Error> {
        let mut batch = Batch::new(source);
        self.stack.drain_unit(unit, |item| batch.push(item))?;
        Ok(())
    }

    /// Gives all items of all units and depots to the source.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[doc(alias = "flush_all")]
    pub fn flush<S: Source>(&self, source: &S) -> Result<(), Error> {
        for unit in Unit::all()? {
            self.drain(unit, source)?;
        }
        self.empty_depots(source);
        Ok(())
    }

    fn empty_depots<S: Source>(&self, source: &S) {
        let mut buffer = [0; MAX_MAGAZINE];
        for depot in &self.depots {
            loop {
                match depot.take(&mut buffer[..self.options.magazine]) {
                    0 => break,
                    count => source.release(&buffer[..count]),
                }
            }
        }
    }
}

impl fmt::Debug for Magazines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Magazines")
            .field("cached", &self.cached())
            .field("limit", &self.limit.load(Ordering::Relaxed))
            .field("depots", &self.depots)
            .finish_non_exhaustive()
    }
}

/// Items on their way to the source.
struct Batch<'a, S: Source> {
    items: [u64; MAX_MAGAZINE],
    len: usize,
    source: &'a S,
}

impl<'a, S: Source> Batch<'a, S> {
    fn new(source: &'a S) -> Self {
        Self { items: [0; MAX_MAGAZINE], len: 0, source }
    }

    fn push(&mut self, item: u64) {
        self.items[self.len] = item;
        self.len += 1;
        if self.len == MAX_MAGAZINE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.source.release(&self.items[..core::mem::take(&mut self.len)]);
    }
}

impl<S: Source> Drop for Batch<'_, S> {
    fn drop(&mut self) {
        if self.len > 0 {
            self.flush();
        }
    }
}
