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
use std::panic::resume_unwind;
use std::sync::Mutex;

use percpu_core::Unit;
use percpu_core::hotplug::{HotplugError, State};

use super::below::{Below, Fault};
use super::recycle::{AsIs, Recycle};
use super::stats::PoolStats;
use super::values::{Values, from_item, into_item};
use crate::error::Error;
use crate::raw::Magazines;

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
    /// One of this CPU's values, if it has any.
    #[inline(always)]
    pub(super) fn cached(&self) -> Option<Box<T>> {
        let item = self.magazines.as_ref()?.get_cached()?;
        // SAFETY: the field's invariant; it came out of the magazines once.
        Some(unsafe { from_item(item) })
    }

    /// A value from elsewhere, or a new one; `hold` makes something that gives
    /// it back if it drops.
    pub(super) fn fetch<G>(&self, hold: impl FnOnce(Box<T>) -> G) -> Result<G, Error> {
        let below = Below::new(&self.values);
        let item = match &self.magazines {
            Some(magazines) => magazines.get(&below),
            None => below.make(),
        };
        let item = match item {
            Ok(item) => item,
            Err(Fault::Panic(panic)) => resume_unwind(panic),
            Err(Fault::Error(error)) => self.steal(&below).ok_or(error)?,
        };
        // SAFETY: out of the magazines once, or new.
        let held = hold(unsafe { from_item(item) });
        // Before the return: if a destructor panics, `held` is dropped.
        drop(below);
        Ok(held)
    }

    /// No more may be made: a value of another CPU's, with which its others come here.
    #[cold]
    fn steal(&self, below: &Below<'_, T>) -> Option<u64> {
        let magazines = self.magazines.as_ref()?;
        // A unit that cannot be stopped keeps what it has.
        for unit in Unit::all().ok()? {
            let _ = magazines.drain(unit, below);
            if below.released() > 0 {
                break;
            }
        }
        if below.released() == 0 {
            let _ = magazines.flush(below);
        }
        let mut found = below.take();
        let item = found.pop();
        found.into_iter().for_each(|item| magazines.put(item, below));
        item
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
        let kept = self.magazines.as_ref().is_some_and(|magazines| magazines.put_cached(item));
        if !kept {
            self.put_slow(item);
        }
    }

    /// No room on this CPU.
    #[cold]
    #[inline(never)]
    fn put_slow(&self, item: u64) {
        let below = Below::new(&self.values);
        match &self.magazines {
            Some(magazines) => magazines.put(item, &below),
            None => crate::raw::Source::release(&below, &[item]),
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
        let below = Below::new(&self.values);
        for made in 0..count {
            match below.make() {
                Ok(item) => magazines.put(item, &below),
                Err(Fault::Panic(panic)) => resume_unwind(panic),
                Err(Fault::Error(error)) => return Err(error),
            }
            if below.released() > 0 {
                return Ok((made + 1).saturating_sub(below.released()));
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
        self.dropping(|magazines, below| magazines.drain(unit, below))
    }

    /// Drops all values that are not in use; how many these were.
    ///
    /// # Errors
    /// As [`drain`](Self::drain); of some units they may have been dropped.
    ///
    /// # Panics
    /// As [`drain`](Self::drain).
    #[doc(alias = "flush")]
    #[doc(alias = "shrink")]
    #[doc(alias = "flush_all")]
    pub fn clear(&self) -> Result<usize, Error> {
        self.dropping(|magazines, below| magazines.flush(below))
    }

    fn dropping(
        &self,
        drain: impl FnOnce(&Magazines, &Below<'_, T>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let Some(magazines) = &self.magazines else { return Ok(0) };
        let below = Below::new(&self.values);
        drain(magazines, &below)?;
        Ok(below.released())
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
        PoolStats {
            name: self.name.clone().into_owned(),
            created,
            live: live as u64,
            limit: (self.values.limit() != usize::MAX).then_some(self.values.limit() as u64),
            is_cached: self.magazines.is_some(),
            cached: self.magazines.as_ref().map_or(0, Magazines::cached) as u64,
        }
    }
}

impl<T, R> Drop for Pool<T, R> {
    fn drop(&mut self) {
        let _ = self.clear();
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
