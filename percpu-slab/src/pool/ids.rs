//! [`IdPool`]: numbers below n, each in use once.
//!
//! ```text
//!   get, take       this CPU's magazines: two small stacks' worth
//!                       |  a batch, when it has none
//!                   the list of all others (free_list.rs)
//!                       |  when it is empty
//!                   another CPU's whole stack, into the list
//! ```
//! CPUs together keep at most half of all ids, or two each if these are more: most of the
//! time nobody has to steal.

use core::fmt;

use percpu_core::Unit;
use percpu_core::atomic::{AtomicUsize, Ordering};

use super::free_list::{FreeList, MAX_IDS};
use super::id_error::{Exhausted, NotTaken};
use crate::error::Error;
use crate::raw::{MagazineOptions, MagazineStats, Magazines, Source};

/// Ids that move at a time.
const BATCH: usize = 28;

/// Numbers below n: each is in use once, and free ones are had from the CPU's own.
///
/// For tags of requests in flight, slots of a table, file descriptors of one's own.
/// A free id of this CPU is preferred; then come those that no CPU has, then, one CPU
/// at a time, what other CPUs have. So all ids can be had from one CPU.
///
/// ```
/// use percpu_slab::IdPool;
///
/// let tags = IdPool::new(64)?;
/// let tag = tags.get()?;
/// assert!(tag.number() < 64 && tags.is_used(tag.number()));
/// drop(tag);
/// let numbers: Vec<u32> = (0..64).map(|_| tags.take().unwrap()).collect();
/// assert!(tags.get().is_err());
/// for number in numbers {
///     tags.put(number)?;
///     assert!(tags.put(number).is_err(), "given back twice");
/// }
/// assert_eq!((tags.used(), tags.capacity()), (0, 64));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Nothing is allocated after [`new`](Self::new). [`try_get`](Self::try_get),
/// [`try_take`](Self::try_take), `put` and the drop of an [`Id`](super::Id) wait for nobody and may
/// be used in a signal handler.
///
/// # Performance
/// One section to get an id, one to give it back, and a store each in a table of 4 bytes
/// an id. [`put`](Self::put) has a locked instruction: it finds out whether
/// the number is in use.
#[doc(alias = "percpu_ida")]
#[doc(alias = "percpu_ida_init")]
#[doc(alias = "sbitmap_queue")]
pub struct IdPool {
    free: FreeList,
    /// INVARIANT: items are ids + 1.
    magazines: Magazines,
    /// The unit that is next to be stolen from.
    victim: AtomicUsize,
}

impl IdPool {
    /// The ids below `count`, all free.
    ///
    /// # Errors
    /// [`Error::Option`] if `count` is 0 or above 2^31, [`Error::PerCpu`] if per-CPU
    /// memory is refused.
    pub fn new(count: usize) -> Result<Self, Error> {
        if !(1..=MAX_IDS).contains(&count) {
            return Err(Error::Option { name: "count", value: count, min: 1, max: MAX_IDS });
        }
        // Two magazines a unit are half of all, at most.
        let share = count / (4 * Unit::all()?.len());
        let options = MagazineOptions {
            magazine: share.clamp(1, BATCH),
            magazines: 2,
            max_magazines: 2,
            // What CPUs have no room for is in the list.
            depot: 0,
            count_hits: false,
        };
        let magazines = Magazines::new(options)?;
        Ok(Self { free: FreeList::new(count), magazines, victim: AtomicUsize::new(0) })
    }

    /// How many ids there are.
    pub fn capacity(&self) -> usize {
        self.free.count()
    }

    /// A number that is in use until [`put`](Self::put).
    ///
    /// # Errors
    /// [`Exhausted`].
    #[doc(alias = "percpu_ida_alloc")]
    #[doc(alias = "sbitmap_queue_get")]
    #[inline]
    pub fn take(&self) -> Result<u32, Exhausted> {
        let id = self.acquire()?;
        self.free.take(id);
        Ok(id)
    }

    /// As [`take`](Self::take), without asking other CPUs: it waits for nobody.
    ///
    /// # Errors
    /// [`Exhausted`], also if other CPUs have some.
    #[inline]
    pub fn try_take(&self) -> Result<u32, Exhausted> {
        let id = self.try_acquire()?;
        self.free.take(id);
        Ok(id)
    }

    /// Gives a number back that [`take`](Self::take) or [`Id::into_number`](super::Id::into_number) returned.
    ///
    /// # Errors
    /// [`NotTaken`]; nothing was done.
    #[doc(alias = "percpu_ida_free")]
    #[doc(alias = "sbitmap_queue_clear")]
    #[inline]
    pub fn put(&self, id: u32) -> Result<(), NotTaken> {
        if !self.free.give_up(id) {
            return Err(NotTaken { id });
        }
        self.release(id);
        Ok(())
    }

    /// Whether an id was in use a moment ago.
    pub fn is_used(&self, id: u32) -> bool {
        self.free.is_used(id)
    }

    /// The ids that are in use, ascending. Of those that are taken or given back meanwhile,
    /// some are seen.
    #[doc(alias = "sbitmap_for_each_set")]
    pub fn iter_used(&self) -> impl Iterator<Item = u32> {
        (0..self.free.count() as u32).filter(|&id| self.free.is_used(id))
    }

    /// How many ids are in use; exact if none is taken or given back meanwhile.
    ///
    /// # Performance
    /// Looks at every id.
    pub fn used(&self) -> usize {
        self.iter_used().count()
    }

    /// How many ids are free; as [`used`](Self::used).
    pub fn free(&self) -> usize {
        self.capacity() - self.used()
    }

    /// Moves what a unit keeps into the list of all.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing was moved.
    pub fn drain(&self, unit: Unit) -> Result<(), Error> {
        self.magazines.drain(unit, &List(&self.free))
    }

    /// How many free ids CPUs had at hand a moment ago.
    pub fn cached(&self) -> usize {
        self.magazines.cached()
    }

    /// How often a CPU had no id, or no room for one, and what it did then. Hits are
    /// not counted.
    pub fn stats(&self) -> MagazineStats {
        self.magazines.stats()
    }

    /// An id that is the caller's to mark and to give back.
    #[inline(always)]
    pub(super) fn acquire(&self) -> Result<u32, Exhausted> {
        match self.magazines.get_at_once() {
            Some(item) => Ok(id_of(item)),
            None => self.acquire_slow(),
        }
    }

    #[cold]
    #[inline(never)]
    fn acquire_slow(&self) -> Result<u32, Exhausted> {
        self.magazines.get_slow(&Stealing(self)).map(id_of)
    }

    #[inline(always)]
    pub(super) fn try_acquire(&self) -> Result<u32, Exhausted> {
        match self.magazines.get_at_once() {
            Some(item) => Ok(id_of(item)),
            None => self.try_acquire_slow(),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_acquire_slow(&self) -> Result<u32, Exhausted> {
        self.magazines
            .get(&List(&self.free))
            .map(id_of)
            .map_err(|Empty| Exhausted { count: self.capacity(), out_of_reach: self.cached() })
    }

    /// A guard's id is free.
    #[inline(always)]
    pub(super) fn let_go(&self, id: u32) {
        self.free.let_go(id);
        self.release(id);
    }

    #[inline(always)]
    pub(super) fn hold(&self, id: u32) {
        self.free.hold(id);
    }

    /// A guard's id is in use by its number; which is returned.
    pub(super) fn by_number(&self, id: u32) -> u32 {
        self.free.take(id);
        id
    }

    #[inline(always)]
    fn release(&self, id: u32) {
        if !self.magazines.put_hit(item_of(id)) {
            self.release_slow(id);
        }
    }

    #[cold]
    #[inline(never)]
    fn release_slow(&self, id: u32) {
        self.magazines.put_slow(item_of(id), &List(&self.free));
    }
}

#[inline(always)]
fn item_of(id: u32) -> u64 {
    u64::from(id) + 1
}

#[inline(always)]
fn id_of(item: u64) -> u32 {
    (item - 1) as u32
}

/// The list of all, as a source.
struct List<'a>(&'a FreeList);

impl Source for List<'_> {
    type Error = Empty;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Empty> {
        let mut ids = [0; BATCH];
        let most = out.len().min(BATCH);
        match self.0.pop(&mut ids[..most]) {
            0 => Err(Empty),
            found => {
                // The lowest one last: it is handed out first.
                let ids = ids[..found].iter().rev();
                out.iter_mut().zip(ids).for_each(|(out, &id)| *out = item_of(id));
                Ok(found)
            }
        }
    }

    fn release(&self, items: &[u64]) {
        for items in items.chunks(BATCH) {
            let mut ids = [0; BATCH];
            ids.iter_mut().zip(items).for_each(|(id, &item)| *id = id_of(item));
            self.0.push(&ids[..items.len()]);
        }
    }
}

/// The list was empty.
struct Empty;

/// As the list, and takes what other CPUs have when it is empty.
struct Stealing<'a>(&'a IdPool);

impl Source for Stealing<'_> {
    type Error = Exhausted;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Exhausted> {
        let pool = self.0;
        let list = List(&pool.free);
        let exhausted = |out_of_reach| Exhausted { count: pool.capacity(), out_of_reach };
        if let Ok(found) = list.refill(out) {
            return Ok(found);
        }
        let units = || Unit::all().into_iter().flatten();
        // Relaxed: whom it begins with is as good as another.
        let first = pool.victim.fetch_add(1, Ordering::Relaxed) % units().count().max(1);
        let mut out_of_reach = 0;
        for unit in units().skip(first).chain(units().take(first)) {
            match pool.magazines.cached_on(unit) {
                0 => continue,
                kept if pool.magazines.drain(unit, &list).is_err() => out_of_reach += kept,
                _ => {}
            }
            if let Ok(found) = list.refill(out) {
                return Ok(found);
            }
        }
        list.refill(out).map_err(|Empty| exhausted(out_of_reach))
    }

    fn release(&self, items: &[u64]) {
        List(&self.0.free).release(items);
    }
}

impl fmt::Debug for IdPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdPool")
            .field("capacity", &self.capacity())
            .field("used", &self.used())
            .field("magazines", &self.magazines)
            .finish()
    }
}

impl fmt::Display for IdPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ids in use", self.used(), self.capacity())
    }
}
