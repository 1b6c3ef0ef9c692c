//! [`Pool`]: values on every CPU, and what becomes of them.
//!
//! # Safety
//!
//! Turns items of the pool's own magazines into the boxes that they were.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use std::borrow::Cow;
use std::sync::Mutex;

use percpu_core::__raw::mutated;
use percpu_core::Unit;
use percpu_core::hotplug::{HotplugError, State};

use super::recycle::{AsIs, Recycle};
use super::stats::PoolStats;
use super::values::{Dropping, Values, from_item, into_item};
use crate::error::Error;
use crate::raw::{Collector, MagazineStats, Magazines, Source};

/// Recycled values: what comes back is handed out again, on the CPU that it came back on.
///
/// What `sync.Pool` is in Go, but bounded by CPUs, and visible: see [`stats`](Self::stats).
/// Nothing is ever dropped behind one's back; [`drain`](Self::drain),
/// [`decay`](Self::decay) and [`clear`](Self::clear) drop what is not in use.
///
/// ```
/// use percpu_slab::Pool;
///
/// let pool = Pool::new(|| Vec::<u8>::with_capacity(4096));
/// let mut buf = pool.get();
/// buf.clear(); // it comes as its last user left it
/// buf.extend_from_slice(b"no allocation");
/// drop(buf);
/// assert_eq!(pool.stats().created, 1);
/// ```
///
/// A value is in a box: one allocation when it is made, none when it is recycled. It may be
/// used and dropped on any thread and CPU. Threads are not registered, and leave
/// nothing behind.
///
/// `R` says what is done with a value that comes back; nothing unless
/// [`builder`](Self::builder) was told.
///
/// Not for signal handlers: it may allocate. See [`FixedPool`](super::FixedPool).
///
/// # Forks
/// A forked child goes on with its pools: getting a value and giving it back wait for
/// nobody. What other threads of the parent had in hand is lost to the child. If one of
/// them was in the middle of a drain, a drain of the child waits for ever; so does a
/// [`try_get`](Self::try_get) at the limit that looks for values of other CPUs.
///
/// # Which values
/// Values go from thread to thread, so they are `Send`:
/// ```compile_fail,E0277
/// let pool = percpu_slab::Pool::new(|| std::rc::Rc::new(1));
/// ```
/// They need not be `Sync`:
/// ```
/// let pool = percpu_slab::Pool::new(|| std::cell::Cell::new(1));
/// std::thread::scope(|scope| scope.spawn(|| pool.get().set(2)).join()).unwrap();
/// ```
#[doc(alias = "mempool_t")]
#[doc(alias = "mempool_create")]
pub struct Pool<T, R = AsIs> {
    /// `None` if there is no per-CPU memory for them: values are made and dropped.
    /// INVARIANT: their items are this pool's values, from `into_item::<T>` (V1).
    magazines: Option<Magazines>,
    recycle: R,
    values: Values<T>,
    name: Cow<'static, str>,
    /// Owns values, and hands each to one thread at a time, as this does.
    owns: PhantomData<Mutex<T>>,
}

impl<T: Send, R: Recycle<T>> Pool<T, R> {
    pub(super) fn assemble(
        magazines: Option<Magazines>,
        recycle: R,
        values: Values<T>,
        name: Cow<'static, str>,
    ) -> Self {
        Self { magazines, recycle, values, name, owns: PhantomData }
    }
}

impl<T, R: Recycle<T>> Pool<T, R> {
    /// One of this CPU's values, if it has any; else `fetch` goes on.
    #[inline(always)]
    pub(super) fn hit(&self) -> Option<Box<T>> {
        let item = self.magazines.as_ref()?.get_at_once()?;
        // SAFETY: the field's invariant; it came out of the magazines once.
        Some(unsafe { from_item(item) })
    }

    /// A value of elsewhere, or a new one.
    pub(super) fn fetch(&self) -> Result<Box<T>, Error> {
        let item = match &self.magazines {
            Some(magazines) => magazines.get_slow(&self.values),
            None => self.values.make().map(into_item),
        };
        match item {
            // SAFETY: the field's invariant: it came out of the magazines once, or is new.
            Ok(item) => Ok(unsafe { from_item(item) }),
            Err(error) => self.steal().ok_or(error),
        }
    }

    /// No more may be made: a value of another CPU, whose other values come along.
    fn steal(&self) -> Option<Box<T>> {
        let magazines = self.magazines.as_ref()?;
        let found = Collector::default();
        for unit in Unit::all().ok()?.filter(|&unit| magazines.cached_on(unit) > 0) {
            // A unit that cannot be stopped keeps what it has.
            let _ = magazines.drain(unit, &found);
            if !found.is_empty() {
                break;
            }
        }
        let mut found = found.into_items();
        // SAFETY: as in `fetch`.
        let value = unsafe { from_item(found.pop()?) };
        // Dropped for good if a destructor panics that this runs.
        let mut stolen = Returned { value: Some(value), values: &self.values };
        if !mutated("pool_steals_one") {
            magazines.put_batch(&found, &self.values);
        }
        stolen.value.take()
    }

    /// Back, if it is to be kept and there is room.
    #[inline(always)]
    pub(super) fn put_back(&self, value: Box<T>) {
        let mut value = Returned { value: Some(value), values: &self.values };
        let Some(back) = &mut value.value else { return };
        if !self.recycle.recycle(back) {
            return;
        }
        let Some(back) = value.value.take() else { return };
        let item = into_item(back);
        if !self.magazines.as_ref().is_some_and(|magazines| magazines.put_hit(item)) {
            self.put_slow(item);
        }
    }

    #[cold]
    #[inline(never)]
    fn put_slow(&self, item: u64) {
        match &self.magazines {
            Some(magazines) => magazines.put_slow(item, &self.values),
            None => self.values.release(&[item]),
        }
    }
}

/// A value on its way back; dropped for good unless it is taken out.
struct Returned<'a, T> {
    value: Option<Box<T>>,
    values: &'a Values<T>,
}

impl<T> Drop for Returned<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.values.discard(value);
        }
    }
}

impl<T, R> Pool<T, R> {
    pub(super) fn values(&self) -> &Values<T> {
        &self.values
    }

    /// Its name, for messages and statistics; empty unless it was given one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes `count` values in advance, for this CPU and the depot of its node, as far as
    /// these have room. Returns how many of them are there.
    ///
    /// # Errors
    /// [`Error::LimitReached`]; those that were made are there.
    ///
    /// # Panics
    /// If the constructor does; those that were made are there.
    pub fn prefill(&self, count: usize) -> Result<usize, Error> {
        let Some(magazines) = &self.magazines else { return Ok(0) };
        let dropping = Dropping::new(&self.values);
        for made in 1..=count {
            magazines.put(into_item(self.values.make()?), &dropping);
            if dropping.dropped() > 0 {
                return Ok(made.saturating_sub(dropping.dropped()));
            }
        }
        Ok(count)
    }

    /// Drops what one unit keeps; how many values that were.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing was dropped.
    ///
    /// # Panics
    /// If a destructor does; the others have run.
    pub fn drain(&self, unit: Unit) -> Result<usize, Error> {
        self.dropping(|magazines, values| magazines.drain(unit, values))
    }

    /// Drops all values that are not in use; how many these were.
    ///
    /// # Errors
    /// As [`drain`](Self::drain); of some units they may have been dropped.
    ///
    /// # Panics
    /// If a destructor does; values of which no destructor ran are still there.
    #[doc(alias = "flush")]
    #[doc(alias = "flush_all")]
    pub fn clear(&self) -> Result<usize, Error> {
        self.dropping(|magazines, values| magazines.flush(values))
    }

    /// As [`clear`](Self::clear), and CPUs may keep as few values as at first.
    ///
    /// # Errors
    /// As [`clear`](Self::clear).
    ///
    /// # Panics
    /// As [`clear`](Self::clear).
    pub fn shrink(&self) -> Result<usize, Error> {
        self.dropping(|magazines, values| magazines.shrink(values))
    }

    /// Lets CPUs keep an eighth less, but as much as at first, and drops what they have
    /// beyond that; how many values that were. For a timer: what is needed grows again.
    ///
    /// # Errors
    /// As [`clear`](Self::clear).
    ///
    /// # Panics
    /// As [`clear`](Self::clear).
    pub fn decay(&self) -> Result<usize, Error> {
        self.dropping(|magazines, values| magazines.decay(values))
    }

    fn dropping(
        &self,
        drain: impl FnOnce(&Magazines, &Dropping<'_, T>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let Some(magazines) = &self.magazines else { return Ok(0) };
        let dropping = Dropping::new(&self.values);
        drain(magazines, &dropping)?;
        Ok(dropping.dropped())
    }

    /// From now on, until the state is dropped, what a CPU keeps is dropped when it goes
    /// offline ([`hotplug`](percpu_core::hotplug)).
    ///
    /// `pool` is a reference to a static, or an `Arc`, which the state keeps.
    ///
    /// # Errors
    /// As [`StateBuilder::register_nocalls`](percpu_core::hotplug::StateBuilder::register_nocalls).
    ///
    /// ```
    /// use percpu_slab::Pool;
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(Pool::new(String::new));
    /// let state = Pool::drain_with_cpus(Arc::clone(&pool))?;
    /// pool.get().push('x');
    /// for unit in percpu_core::Unit::all()? {
    ///     percpu_core::hotplug::drain(unit)?;
    /// }
    /// assert_eq!(pool.stats().cached, 0);
    /// # Ok::<(), percpu_core::hotplug::HotplugError>(())
    /// ```
    pub fn drain_with_cpus<P>(pool: P) -> Result<State, HotplugError>
    where
        P: Deref<Target = Self> + Send + Sync + 'static,
    {
        let name = pool.name.clone();
        State::new(if name.is_empty() { "pool" } else { &name })
            // A fence that is refused leaves the values where they are.
            .drain(move |unit| drop(pool.drain(unit)))
            .register_nocalls()
    }

    /// What it did and holds.
    ///
    /// # Performance
    /// Looks at every unit.
    pub fn stats(&self) -> PoolStats {
        let (created, live) = self.values.counts();
        let magazines = self.magazines.as_ref();
        let limit = self.values.limit();
        PoolStats {
            name: self.name.clone().into_owned(),
            created,
            live: live as u64,
            limit: (limit != usize::MAX).then_some(limit as u64),
            is_cached: magazines.is_some(),
            cached: magazines.map_or(0, Magazines::cached) as u64,
            max_cached: magazines.map_or(0, |magazines| magazines.max_cached().unwrap_or(0)) as u64,
            traffic: magazines.map_or_else(MagazineStats::default, Magazines::stats),
        }
    }
}

impl<T, R> Drop for Pool<T, R> {
    fn drop(&mut self) {
        let Some(magazines) = &mut self.magazines else { return };
        // First all of them, then the destructors: one that panics keeps no value here.
        let found = Collector::default();
        magazines.empty(&found);
        self.values.release(&found.into_items());
    }
}

impl<T, R> fmt::Debug for Pool<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.name)
            .field("values", &self.values)
            .field("magazines", &self.magazines)
            .finish_non_exhaustive()
    }
}
