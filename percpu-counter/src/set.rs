//! [`CounterSet`]: counters that are changed together and seen together.
//!
//! # Why a lock
//! What a restartable section commits is one word. Fields that belong together need
//! a lock on the block that holds them: `percpu_core`'s `LocalLock`, which this
//! CPU's threads take without a locked instruction, and which a reader takes from
//! elsewhere by stopping the unit (a fence). So an update is in a unit's row whole or
//! not at all, and in exactly one `take`.

use std::fmt;
use std::marker::PhantomData;

use percpu_core::__private::mutated;
use percpu_core::{Error, LocalLock, PerCpu, StaticPerCpu};

use crate::fields::CounterFields;
use crate::snapshot::Snapshot;
use crate::storage::{Storage, units_in_use};

/// A struct of counters, one block on every CPU: fields that change together are
/// never seen apart.
///
/// The struct is declared with [`counter_set!`](crate::counter_set); a static set
/// with [`counter!`](macro@crate::counter). Fields wrap at 64 bits when they are
/// added up. Should the closure of [`with`](Self::with) panic, the block is unlocked
/// with what it had written by then: there is no poisoning.
///
/// Each possible CPU, and the unit of threads without restartable sequences, has a
/// block: the fields and a lock of some 24 bytes. Not `Default`, as
/// [`Counter`](crate::Counter).
///
/// ```
/// use percpu_counter::{CounterSet, counter_set};
///
/// counter_set! {
///     /// What came in.
///     pub struct Stats { packets, bytes }
/// }
///
/// let set = CounterSet::<Stats>::new()?;
/// set.with(|s| {
///     s.packets += 1;
///     s.bytes += 1500;
/// });
/// set.inc(|s| &mut s.packets);
/// let seen = set.snapshot()?;
/// assert_eq!(seen.total(), Stats { packets: 2, bytes: 1500 });
/// assert_eq!(seen.to_string(), "packets=2 bytes=1500");
/// # Ok::<(), percpu_counter::Error>(())
/// ```
#[doc(alias = "u64_stats_sync")]
pub struct CounterSet<T, S = PerCpu<LocalLock<T>>> {
    blocks: S,
    fields: PhantomData<fn(T)>,
}

/// A [`CounterSet`] declared with [`counter!`](macro@crate::counter).
pub type StaticCounterSet<T> = CounterSet<T, &'static StaticPerCpu<LocalLock<T>>>;

impl<T: CounterFields> CounterSet<T> {
    /// A set at zero.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory,
    /// [`Error::TooLarge`] for more than some 4,000 fields.
    ///
    /// # Performance
    /// Writes the block of every possible CPU.
    pub fn new() -> Result<Self, Error> {
        PerCpu::new_with(|_| LocalLock::new(T::ZERO)).map(Self::over)
    }
}

impl<T, S> CounterSet<T, S> {
    const fn over(blocks: S) -> Self {
        Self { blocks, fields: PhantomData }
    }
}

impl<T> StaticCounterSet<T> {
    /// A set over static blocks that are used for nothing else.
    #[doc(hidden)]
    pub const fn __from_static(blocks: &'static StaticPerCpu<LocalLock<T>>) -> Self {
        Self::over(blocks)
    }
}

/// # Panics
/// Each, on the first use of a static, if the system refuses memory; in debug
/// builds, if called from within a closure of [`with`](Self::with) on the same set,
/// which may wait for itself.
#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<T: CounterFields, S: Storage<Item = LocalLock<T>>> CounterSet<T, S> {
    /// Changes fields of this CPU's block, all or nothing to whoever looks on.
    ///
    /// The closure sees what was counted on one CPU only, and should be short: other
    /// threads of this CPU and readers wait for it.
    ///
    /// # Panics
    /// If `update` does: what it wrote before stays, and the block is unlocked.
    ///
    /// # Performance
    /// A local lock: no locked instruction, 2.5 to 5 ns where sections work.
    #[inline]
    pub fn with<R>(&self, update: impl FnOnce(&mut T) -> R) -> R {
        self.blocks.copies().with(update)
    }

    /// Adds `n` to one field, wrapping.
    ///
    /// ```
    /// # use percpu_counter::{CounterSet, counter_set};
    /// # counter_set! { struct Stats { packets, bytes } }
    /// # let set = CounterSet::<Stats>::new()?;
    /// set.add(|s| &mut s.bytes, 1500);
    /// # assert_eq!(set.snapshot()?.total().bytes, 1500);
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    ///
    /// # Performance
    /// As [`with`](Self::with); one number by itself is cheaper as a
    /// [`Counter`](crate::Counter).
    #[inline]
    pub fn add(&self, field: impl FnOnce(&mut T) -> &mut u64, n: u64) {
        self.with(|block| {
            let field = field(block);
            *field = field.wrapping_add(n);
        });
    }

    /// Adds one to one field, wrapping.
    #[inline]
    pub fn inc(&self, field: impl FnOnce(&mut T) -> &mut u64) {
        self.add(field, 1);
    }

    /// The block of each unit in use, whole: no update is seen by half.
    ///
    /// Every update that returned before is in it.
    ///
    /// # Errors
    /// [`Error::FenceRefused`] if the system refuses `membarrier`: then blocks cannot
    /// be read from elsewhere.
    ///
    /// # Performance
    /// A fence for each CPU in use, whose threads wait for a moment if they update.
    pub fn snapshot(&self) -> Result<Snapshot<T>, Error> {
        let blocks = self.blocks.copies();
        let row = |unit| Ok((unit, *blocks.lock_on(unit)?));
        units_in_use().map(row).collect::<Result<_, _>>().map(Snapshot::new)
    }

    /// As [`snapshot`](Self::snapshot), and resets: every update is in exactly one
    /// `take`.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot); nothing is lost: what was taken until then is
    /// put back, into this CPU's block.
    ///
    /// # Performance
    /// As [`snapshot`](Self::snapshot).
    pub fn take(&self) -> Result<Snapshot<T>, Error> {
        let blocks = self.blocks.copies();
        let mut rows = Vec::new();
        // The shared unit first. It needs no fence, so that a refusal comes when there
        // may be something to put back, and a test sees it.
        for unit in units_in_use().rev() {
            match blocks.lock_on(unit) {
                Ok(mut block) => {
                    rows.push((unit, *block));
                    if mutated("set_take_in_two_steps") {
                        drop(block);
                        block = blocks.lock_on(unit)?;
                    }
                    *block = T::ZERO;
                }
                Err(error) => {
                    let taken = Snapshot::new(rows).total();
                    self.with(|block| *block = block.plus(taken));
                    return Err(error);
                }
            }
        }
        rows.reverse();
        Ok(Snapshot::new(rows))
    }
}

impl<T: CounterFields, S> fmt::Debug for CounterSet<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values are not looked at: that waits, and may fail.
        let names: Vec<_> = T::ZERO.fields().map(|(name, _)| name).collect();
        f.debug_struct("CounterSet").field("fields", &names).finish_non_exhaustive()
    }
}

/// The totals of a [`snapshot`](CounterSet::snapshot), or why there is none.
#[allow(private_bounds, reason = "as above")]
impl<T: CounterFields, S: Storage<Item = LocalLock<T>>> fmt::Display for CounterSet<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.snapshot() {
            Ok(snapshot) => snapshot.fmt(f),
            Err(error) => write!(f, "({error})"),
        }
    }
}
