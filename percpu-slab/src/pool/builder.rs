//! [`PoolBuilder`]: a pool that is not the usual one.

use core::fmt;
use std::borrow::Cow;

use super::recycle::{AsIs, KeepIf, Recycle, Reset};
use super::typed::Pool;
use super::values::Values;
use crate::error::Error;
use crate::raw::{MagazineOptions, Magazines};

/// Values are made one by one, when this CPU and the depot have none: so a pool comes to
/// have what was in use at a time, and what other CPUs and nodes kept meanwhile. It may
/// keep many of them, for what one thread gets and another puts back much later.
const OPTIONS: MagazineOptions =
    MagazineOptions { magazine: 60, magazines: 2, max_magazines: 4, depot: 32, count_hits: false };

/// A pool to be; from [`Pool::builder`].
#[must_use = "nothing is there before `build`"]
pub struct PoolBuilder<T, R = AsIs> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    recycle: R,
    limit: usize,
    name: Cow<'static, str>,
    options: MagazineOptions,
}

impl<T: Send> Pool<T> {
    /// A pool of values that `make` makes when there is none to be recycled.
    ///
    /// It cannot fail: if per-CPU memory is refused, values are made and
    /// dropped, each for one use, and [`stats`](Self::stats) says so.
    /// [`PoolBuilder::build`] returns the error.
    pub fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let builder = Self::builder(make);
        let magazines = Magazines::new(builder.options).ok();
        builder.with(magazines)
    }

    /// A pool with more choices.
    ///
    /// ```
    /// use percpu_slab::{Error, Pool};
    ///
    /// let pool = Pool::builder(|| Vec::<u8>::with_capacity(4096))
    ///     .reset(|buf| buf.clear())
    ///     .limit(2)
    ///     .name("buffers")
    ///     .build()?;
    /// let (a, b) = (pool.try_get()?, pool.try_get()?);
    /// assert_eq!(pool.try_get().unwrap_err(), Error::LimitReached { limit: 2 });
    /// drop((a, b));
    /// assert!(pool.try_get()?.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn builder(make: impl Fn() -> T + Send + Sync + 'static) -> PoolBuilder<T> {
        PoolBuilder {
            make: Box::new(make),
            recycle: AsIs,
            limit: usize::MAX,
            name: Cow::Borrowed(""),
            options: OPTIONS,
        }
    }
}

impl<T: Send, R: Recycle<T>> PoolBuilder<T, R> {
    /// Called with each value that comes back. If it panics, the value is dropped.
    pub fn reset<F: Fn(&mut T)>(self, reset: F) -> PoolBuilder<T, Reset<F>> {
        self.recycle(Reset(reset))
    }

    /// Called with each value that comes back; it is kept if this returns `true`,
    /// and dropped otherwise: a buffer that has become too large.
    pub fn keep_if<F: Fn(&mut T) -> bool>(self, keep: F) -> PoolBuilder<T, KeepIf<F>> {
        self.recycle(KeepIf(keep))
    }

    /// As [`keep_if`](Self::keep_if), by a type.
    pub fn recycle<S: Recycle<T>>(self, recycle: S) -> PoolBuilder<T, S> {
        let Self { make, limit, name, options, .. } = self;
        PoolBuilder { make, recycle, limit, name, options }
    }

    /// How many values may exist, in use or not. See [`Pool::try_get`].
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// For messages and statistics.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Values of a magazine, 1 to 60: what goes from CPU to CPU at a time. 60 if it is not
    /// set.
    pub fn magazine(mut self, values: usize) -> Self {
        self.options.magazine = values;
        self
    }

    /// Magazines that a CPU may come to have under traffic, 1 to 64; 4 if it is not set. At
    /// first it has 2, or 1 if that is the most.
    pub fn max_magazines(mut self, magazines: usize) -> Self {
        self.options.max_magazines = magazines;
        self.options.magazines = self.options.magazines.min(magazines);
        self
    }

    /// Full magazines that a node keeps for CPUs that have none; 32 if it is not set, 1920
    /// values. As many as are in use at a time, if one thread gets what another puts back:
    /// what finds no room is dropped, and made again.
    pub fn depot(mut self, magazines: usize) -> Self {
        self.options.depot = magazines;
        self
    }

    /// Counts hits, too: what this CPU had, or had room for. It costs each operation an
    /// addition.
    pub fn count_hits(mut self, count: bool) -> Self {
        self.options.count_hits = count;
        self
    }

    /// The pool, which is empty.
    ///
    /// # Errors
    /// [`Error::Option`] for a number that makes no sense; [`Error::PerCpu`] if per-CPU
    /// memory is refused.
    pub fn build(self) -> Result<Pool<T, R>, Error> {
        let magazines = Magazines::new(self.options)?;
        Ok(self.with(Some(magazines)))
    }

    fn with(self, magazines: Option<Magazines>) -> Pool<T, R> {
        // Whoever drops a pool is alone with it.
        let magazines = magazines.map(Magazines::never_closed);
        Pool::assemble(magazines, self.recycle, Values::new(self.make, self.limit), self.name)
    }
}

impl<T, R> fmt::Debug for PoolBuilder<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
