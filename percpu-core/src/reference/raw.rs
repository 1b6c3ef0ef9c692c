//! [`RawRef`]: a reference count that is per-CPU until it matters.
//!
//! # Why
//! A count that all CPUs change costs each of them the cache line. Nobody needs the
//! count while somebody keeps the thing alive anyway: until that somebody lets go,
//! each CPU may add and subtract in a word of its own, and only the sum would mean
//! something. Letting go is `kill`: from then on there is one count, and its zero
//! is noticed.
//!
//! ```text
//!          get, put: this CPU's word                    get, put: the shared word
//!                (a switch is open)                     (it is closed)
//!
//!   new --> PER-CPU ---- switch_to_atomic ----> ATOMIC <-- new, INIT_ATOMIC
//!              |  ^                              |   |
//!              |  +------ switch_to_percpu ------+   |
//!              |  ^                                  |
//!            kill +-- reinit, resurrect --+        kill
//!              |                          |          |
//!              +----------------------> DEAD <-------+   <-- new, INIT_DEAD
//!                                    (atomic)
//! ```
//! `reinit` and `resurrect` lead back to ATOMIC after `switch_to_atomic`, which is
//! forgotten by `switch_to_percpu` alone.
//!
//! | | switch | shared word | words of the CPUs | zero is noticed |
//! | --- | --- | --- | --- | --- |
//! | per-CPU | open | BIAS + 1 + what came this way | the rest | no |
//! | being switched | closed | the same | nothing changes them | no |
//! | atomic, dead | closed | all references | 0 | yes |
//!
//! ```text
//!   to atomic:    close the switch (fence), take the words' sum
//!                 shared += sum - BIAS                  one atomic instruction
//!   to per-CPU:   shared += BIAS;  open the switch
//!   kill:         to atomic, and DEAD by the same instruction;  confirm;  put
//! ```
//!
//! # Invariants
//! - R1: without BIAS in the shared word the switch is closed, and the words of the
//!   CPUs are zero: BIAS goes after `close` has taken them and comes before `open`.
//! - R2: so the shared word without BIAS is the whole count, and a put that makes it
//!   zero was the last. With BIAS it is far from zero, however many of the puts that
//!   belong to gets in the words come here; they do while the switch is being closed.
//! - R3: who finds the switch closed uses the shared word, whatever state that is
//!   in: the count is the sum of both at all times.
//! - R4: DEAD is set, and the count taken from zero, by one atomic instruction on the
//!   word that `tryget_live` and `tryget` change by compare-exchange: they do so
//!   before, or fail.
//! - R5: mode changes are one at a time, under `modes`.
//!
//! # Orderings
//! - put, then the last put: on the shared word Release, and Acquire by the last
//!   one. On a CPU's word a section's store is relaxed; the fence in `close` makes
//!   every CPU pass a full barrier after it, so what came before the put is seen by
//!   who closes, and the addition of the sum (Release) hands it on.
//! - reinit, then tryget: what was made before is seen by who comes by a CPU's
//!   word, as `open` releases and sections acquire, and by who comes by the shared
//!   word, as the addition of the new reference releases and `tryget` acquires.
//! - get: Relaxed. Who gets has a reference or knows somebody who has.

use core::fmt;

use super::count::{BIAS, Count, DEAD, ONE, references};
use super::error::{RefError, underflow};
use super::exited::ExitedRef;
use super::options::{Modes, RefOptions};
use super::putter::Putter;
use crate::atomic::{AtomicU64, Ordering};
use crate::error::Error;
use crate::mutate::{mutated, order};
use crate::per_cpu::PerCpu;
use crate::place::Place;
use crate::switch::Switch;
use crate::sys::sync::Mutex;
use crate::trace;

/// A reference count that is per-CPU until it is killed: the kernel's `percpu_ref`.
///
/// It holds no object, only counts, and says who put the last reference: what is to
/// happen then is the caller's business. [`PerCpuRef`](crate::PerCpuRef) is this
/// with an object, and cannot be miscounted.
///
/// It starts with one reference, the initial one, which [`kill`](Self::kill) puts.
/// Until then no zero is noticed.
///
/// ```
/// use percpu_core::RawRef;
///
/// let users = RawRef::new()?;
/// users.get();                     // this CPU's word
/// assert!(!users.kill()?);         // somebody is still there
/// assert!(!users.tryget_live());
/// assert!(users.put(1)?);          // the last one: tear down
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Performance
/// Per-CPU: a section that looks at one more word than [`Copies::add`], in a line
/// that nobody writes. Atomic: one atomic instruction. 64 bytes, and 8 a CPU.
///
/// [`Copies::add`]: crate::Copies::add
#[doc(alias = "percpu_ref")]
#[doc(alias = "percpu_ref_init")]
// A line that is only read while the words of the CPUs count.
#[repr(align(64))]
pub struct RawRef {
    pub(super) switch: Switch,
    pub(super) words: PerCpu<AtomicU64>,
    pub(super) count: AtomicU64,
    pub(super) modes: Mutex<Modes>,
}

impl RawRef {
    /// One reference, per-CPU; for one life.
    ///
    /// # Errors
    /// As [`PerCpu::zeroed`].
    pub fn new() -> Result<Self, Error> {
        Self::with_options(RefOptions::new())
    }

    /// As `options` say.
    ///
    /// # Errors
    /// As [`PerCpu::zeroed`], and [`Error::FenceRefused`] if it does not start per-CPU.
    ///
    /// ```
    /// use percpu_core::{RawRef, RefOptions};
    ///
    /// let idle = RawRef::with_options(RefOptions::new().init_dead())?;
    /// assert!(idle.is_zero() && !idle.tryget());
    /// idle.reinit()?;
    /// assert!(idle.tryget_live());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_options(options: RefOptions) -> Result<Self, Error> {
        let RefOptions { atomic, dead, reinit } = options;
        let (switch, words) = (Switch::new(), PerCpu::zeroed()?);
        let closed = atomic || dead;
        if closed {
            switch.close(&*words)?;
        }
        let initial = if dead { DEAD } else { ONE };
        let bias = if closed { 0 } else { BIAS };
        Ok(Self {
            switch,
            words,
            count: AtomicU64::new(bias + initial),
            modes: Mutex::new(Modes { closed, sticky: atomic, reinit }),
        })
    }

    /// Takes a reference. The caller has one, or knows that somebody keeps one.
    ///
    /// One that is taken after the last was put is told as a warning (feature
    /// `tracing`) and counts as any other.
    ///
    /// # Panics
    /// Never; 2^60 references in atomic mode abort the process, as in `Arc`.
    #[doc(alias = "percpu_ref_get")]
    #[inline]
    pub fn get(&self) {
        self.get_many(1);
    }

    /// Takes `n` references at once.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    #[doc(alias = "percpu_ref_get_many")]
    #[inline]
    pub fn get_many(&self, n: u32) {
        if !self.add_at_once(u64::from(n)) {
            self.get_slow(u64::from(n));
        }
    }

    /// Takes a reference, if there is one.
    #[doc(alias = "percpu_ref_tryget")]
    #[doc(alias = "percpu_ref_tryget_many")]
    #[inline]
    #[must_use = "a reference that was taken must be put"]
    pub fn tryget(&self) -> bool {
        self.add_at_once(1) || self.tryget_slow(false)
    }

    /// Takes a reference, if it was not killed.
    ///
    /// One that is called after [`kill_and_confirm`](Self::kill_and_confirm) has called
    /// back, or after it or [`kill`](Self::kill) has returned, fails.
    #[doc(alias = "percpu_ref_tryget_live")]
    #[inline]
    #[must_use = "a reference that was taken must be put"]
    pub fn tryget_live(&self) -> bool {
        self.add_at_once(1) || self.tryget_slow(true)
    }

    /// Puts `n` references back; whether the last one was among them. It is told
    /// once: whoever hears it tears down.
    ///
    /// # Errors
    /// [`RefError::Underflow`] in atomic mode if there are not as many; per-CPU
    /// nobody knows, and the switch to atomic reports it.
    #[doc(alias = "percpu_ref_put")]
    #[doc(alias = "percpu_ref_put_many")]
    #[inline]
    pub fn put(&self, n: u32) -> Result<bool, RefError> {
        if self.add_at_once(u64::from(n).wrapping_neg()) {
            return Ok(false);
        }
        self.put_slow(u64::from(n))
    }

    /// What a put needs, and nothing of it that a put must find alive once it is done.
    pub(super) fn putter(&self) -> Putter<'_> {
        Putter { switch: &self.switch, words: self.words.whole(), count: &self.count }
    }

    /// The switch, and where the words are: for a put at once, as `putter`.
    #[inline(always)]
    pub(super) fn at_once(&self) -> (&Switch, Option<Place<'_, AtomicU64>>) {
        (&self.switch, self.words.home.place())
    }

    /// Adds to this CPU's word, if a section can and the switch is open.
    #[inline(always)]
    fn add_at_once(&self, n: u64) -> bool {
        let (switch, words) = self.at_once();
        switch.add_at_once(words, n)
    }

    /// Adds to this CPU's word, if the switch is open.
    fn add(&self, n: u64) -> bool {
        self.switch.add(&*self.words, n).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn get_slow(&self, n: u64) {
        if self.add(n) {
            return;
        }
        // Relaxed: says the module.
        let old = Count(self.count.fetch_add(references(n), Ordering::Relaxed));
        if old.whole() == Some(0) {
            trace::misuse("a reference was taken after the last one was put");
        }
        if old.is_at_limit() {
            // Before the count could wrap and an object be freed under its users.
            std::process::abort();
        }
    }

    #[cold]
    #[inline(never)]
    fn tryget_slow(&self, live: bool) -> bool {
        if self.add(1) {
            return true;
        }
        // Acquire: partner is `revive`, for who comes by this word.
        let acquired = order(Ordering::Acquire, "ref_tryget_relaxed");
        let taken = self.count.fetch_update(acquired, Ordering::Relaxed, |word| {
            let count = Count(word);
            let refused = count.whole() == Some(0)
                || count.is_at_limit()
                || (live && count.is_dead() && !mutated("ref_live_forgets_dead"));
            (!refused).then(|| word.wrapping_add(ONE))
        });
        taken.is_ok()
    }

    #[cold]
    #[inline(never)]
    fn put_slow(&self, n: u64) -> Result<bool, RefError> {
        if self.add(n.wrapping_neg()) { Ok(false) } else { self.put_shared(n) }
    }

    /// A put where the switch is closed.
    pub(super) fn put_shared(&self, n: u64) -> Result<bool, RefError> {
        // Release, and Acquire by the last one: as in `Putter`.
        let both = order(Ordering::AcqRel, "ref_put_shared_relaxed");
        let put = self.count.fetch_update(both, Ordering::Relaxed, |word| {
            let enough = Count(word).whole().is_none_or(|whole| whole >= n);
            enough.then(|| word.wrapping_sub(references(n)))
        });
        match put {
            Ok(old) => Ok(n > 0 && Count(old).whole() == Some(n)),
            Err(_) => Err(underflow()),
        }
    }

    /// The shared word. Acquire: who finds it zero sees what came before the puts.
    pub(super) fn now(&self) -> Count {
        Count(self.count.load(order(Ordering::Acquire, "ref_now_relaxed")))
    }

    /// Whether the last reference was put. Never while CPUs count by themselves.
    #[doc(alias = "percpu_ref_is_zero")]
    pub fn is_zero(&self) -> bool {
        self.now().whole() == Some(0)
    }

    /// Whether it was killed.
    #[doc(alias = "percpu_ref_is_dying")]
    pub fn is_dying(&self) -> bool {
        self.now().is_dead()
    }

    /// Whether the CPUs count by themselves, as of a moment ago.
    pub fn is_percpu(&self) -> bool {
        self.now().is_biased()
    }

    /// How many references there are. Exact in atomic mode and when nobody counts
    /// meanwhile; else as of no one moment, and for people only.
    pub fn count(&self) -> u64 {
        let now = self.now();
        let Some(whole) = now.whole() else {
            // Modulo 2^63, and below zero while somebody's put is seen before his get.
            let count = now.part().wrapping_add(self.switch.peek(&*self.words)) << 1;
            return count.cast_signed().max(0).cast_unsigned() >> 1;
        };
        whole
    }

    /// Frees what it holds; the final count and state stay to be asked for.
    #[doc(alias = "percpu_ref_exit")]
    pub fn exit(self) -> ExitedRef {
        ExitedRef { count: self.count(), zero: self.is_zero(), dying: self.is_dying() }
    }
}

impl fmt::Debug for RawRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRef")
            .field("count", &self.count())
            .field("percpu", &self.is_percpu())
            .field("dying", &self.is_dying())
            .finish()
    }
}

/// `references: 3, per-CPU`; `references: 2, atomic, dying`.
impl fmt::Display for RawRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.is_percpu() { "per-CPU" } else { "atomic" };
        let dying = if self.is_dying() { ", dying" } else { "" };
        write!(f, "references: {}, {mode}{dying}", self.count())
    }
}
