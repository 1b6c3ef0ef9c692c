//! [`Switch`]: a word that the sections of every unit look at before they add.
//!
//! # Why
//! A reference count, the readers of a lock, the stock of a budget: each is a
//! number on every unit that somebody must at times take together, knowing that
//! nobody adds to it meanwhile, and keep so for as long as it takes. A stop word
//! on each unit would cost a second word there, and a store to each unit to set;
//! all may as well look at one, in a line that is seldom written.
//!
//! ```text
//!   add:    switch == 0?   word += n                        one section
//!   close:  switch = 1;  fence(all);  take the words        whoever may
//!   open:   switch = 0
//! ```
//!
//! | | a unit with sections | elsewhere |
//! | --- | --- | --- |
//! | closed by | the switch, and the fence | [`FROZEN`] in the word itself |
//! | taken by | a store | the swap that freezes it |
//! | opened by | the switch | a zero in the word |
//!
//! # Invariants
//! - S1: once `close` has returned, and until `open`, every add fails. A section
//!   committed before the fence ended, or restarted and found the switch.
//! - S2: what an add that returned `Ok` added was taken by exactly one `close`, or
//!   is still there.
//!
//! # Orderings
//! - `close` stores the switch Relaxed: its fence orders it before every later
//!   section, and what came before each section that committed before what follows.
//! - `open` stores Release; sections look with Acquire, so they see what was
//!   done while it was closed.
//! - Without sections: `ops/portable_switch.rs`.

use core::fmt;

use crate::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::error::Error;
use crate::fence;
use crate::index::Index;
use crate::inject::{self, Point};
use crate::mutate::{mutated, order};
use crate::ops::portable_switch::{self as portable, FROZEN};
use crate::ops::{self, Refused};
use crate::place::Place;
use crate::process;
use crate::remote::copy_on;
use crate::unit::Unit;
use crate::word::{Target, run_at};

/// Any value: the bounds of a count.
const ANY: (u64, u64) = (0, u64::MAX);

/// A word that the sections of every unit look at before they add to a word.
///
/// `close` and `open` are for one thread at a time, and alternate: the owner's
/// duty. The words are always the same ones, all zero at first, and changed
/// through this alone.
pub struct Switch(AtomicU32);

#[allow(private_bounds, reason = "the crate's own: copies of a word, and elements")]
impl Switch {
    /// Open.
    #[cfg(not(percpu_loom))]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Open.
    #[cfg(percpu_loom)]
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Adds to this CPU's word, wrapping.
    ///
    /// # Errors
    /// [`Refused::Stopped`] while the switch is closed.
    #[inline(always)]
    pub fn add(&self, words: &impl Target<AtomicU64>, n: u64) -> Result<(), Refused> {
        // Moved, all of it: what is borrowed must lie in memory.
        let switch = &self.0;
        run_at(
            words.resolve(),
            move |at, by| ops::switch::add(at, switch, n, by),
            move |word| portable::add_within(word, n, ANY),
        )
    }

    /// As [`add`](Self::add), but by a section or not at all, without a cold path to
    /// carry along: whether it was done. If not, `add` knows why.
    #[inline(always)]
    pub(crate) fn add_at_once(&self, words: Option<Place<'_, AtomicU64>>, n: u64) -> bool {
        let Some(words) = words else { return false };
        matches!(ops::switch::add(words, &self.0, n, Index::Cpu), Some(Ok(())))
    }

    /// Adds to this CPU's word, wrapping, if the new value lies in
    /// `low..=low + span`.
    ///
    /// # Errors
    /// [`Refused::Stopped`] while the switch is closed; [`Refused::Bounds`] if
    /// this CPU's word would leave the bounds.
    #[inline(always)]
    pub fn add_within(
        &self,
        words: &impl Target<AtomicU64>,
        n: u64,
        low: u64,
        span: u64,
    ) -> Result<(), Refused> {
        let (words, switch, bounds) = (words.resolve(), &self.0, (low, span));
        // Left out where it does nothing: even that costs an instruction on aarch64.
        #[cfg(percpu_inject)]
        inject::at(Point::Before);
        match ops::switch::add_within(words, switch, n, bounds, Index::Cpu) {
            Some(added) => {
                #[cfg(percpu_inject)]
                inject::at(Point::After);
                added
            }
            None => add_within_cold(words, switch, n, low, span),
        }
    }

    /// Whether the switch is closed, or about to be.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Relaxed: a hint, but for the owner, who opens and closes. Sections look anew.
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Closes the switch and takes what the words add up to; they are zero after.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; the switch is open and nothing was taken.
    ///
    /// # Performance
    /// A fence and a pass over the units in use.
    pub fn close(&self, words: &impl Target<AtomicU64>) -> Result<u64, Error> {
        // Relaxed: ordered by the fence.
        if !mutated("switch_not_set") {
            self.0.store(1, Ordering::Relaxed);
        }
        inject::at(Point::Stopped);
        if !mutated("switch_no_fence") {
            if let Err(error) = fence::all() {
                self.0.store(0, Ordering::Relaxed);
                return Err(error);
            }
        }
        inject::at(Point::Fenced);
        let place = words.resolve();
        let mut sum = 0_u64;
        for unit in Unit::all()? {
            let taken = if !process::has_sections(unit.index()) {
                // Also of an idle unit: who wakes it must find it closed.
                copy_on(place, unit).swap(FROZEN, order(Ordering::AcqRel, "switch_frozen_relaxed"))
            } else if unit.is_active() {
                // Relaxed: nobody else changes it (S1).
                copy_on(place, unit).swap(0, Ordering::Relaxed)
            } else {
                // Nothing was ever added to the word of an idle unit.
                0
            };
            sum = sum.wrapping_add(taken);
        }
        Ok(sum)
    }

    /// As [`close`](Self::close), but takes the word of one unit alone and gives it
    /// to `f`; the switch is open again when this returns.
    ///
    /// # Errors
    /// As that; `f` did not run.
    pub fn take_on<R>(
        &self,
        words: &impl Target<AtomicU64>,
        unit: Unit,
        f: impl FnOnce(u64) -> R,
    ) -> Result<R, Error> {
        /// Opens it, however this is left.
        struct Closed<'a>(&'a AtomicU32);
        impl Drop for Closed<'_> {
            fn drop(&mut self) {
                // Release: as in `open`.
                self.0.store(0, order(Ordering::Release, "take_on_opened_relaxed"));
            }
        }
        let word = copy_on(words.resolve(), unit);
        if !process::has_sections(unit.index()) {
            let both = order(Ordering::AcqRel, "take_on_frozen_relaxed");
            let result = f(word.swap(FROZEN, both));
            // Release: as in `open`.
            word.store(0, order(Ordering::Release, "take_on_thawed_relaxed"));
            return Ok(result);
        }
        // Relaxed: ordered by the fence.
        if !mutated("take_on_no_stop") {
            self.0.store(1, Ordering::Relaxed);
        }
        let _closed = Closed(&self.0);
        inject::at(Point::Stopped);
        if !mutated("take_on_no_fence") {
            fence::unit(unit)?;
        }
        inject::at(Point::Fenced);
        Ok(f(word.swap(0, Ordering::Relaxed)))
    }

    /// Opens the switch.
    ///
    /// # Performance
    /// A store; one a unit without sections.
    pub fn open(&self, words: &impl Target<AtomicU64>) {
        let opened = match mutated("switch_opened_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Release,
        };
        inject::at(Point::Taken);
        // There are units: `close` has seen them.
        for unit in Unit::all().into_iter().flatten() {
            if !process::has_sections(unit.index()) {
                copy_on(words.resolve(), unit).store(0, opened);
            }
        }
        self.0.store(0, opened);
    }

    /// What the words add up to, as of no one moment; frozen ones count as zero.
    pub fn peek(&self, words: &impl Target<AtomicU64>) -> u64 {
        let place = words.resolve();
        Unit::all_active()
            .into_iter()
            .flatten()
            .map(|unit| copy_on(place, unit).load(Ordering::Relaxed))
            .filter(|&value| value != FROZEN)
            .fold(0, u64::wrapping_add)
    }
}

/// Out of line, and its operands in registers: the fast path stores none of them.
#[cold]
#[inline(never)]
fn add_within_cold(
    words: Place<'_, AtomicU64>,
    switch: &AtomicU32,
    n: u64,
    low: u64,
    span: u64,
) -> Result<(), Refused> {
    let bounds = (low, span);
    run_at(
        words,
        move |at, by| ops::switch::add_within(at, switch, n, bounds, by),
        move |word| portable::add_within(word, n, bounds),
    )
}

impl Default for Switch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").field("closed", &self.is_closed()).finish()
    }
}
