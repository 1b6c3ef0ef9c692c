//! [`Turn`]: which of two words on each unit sections add to.
//!
//! # Why
//! Who waits for readers cannot stop them, as a [`Switch`](crate::switch::Switch)
//! does, only send the new ones elsewhere. Each unit has two words; the turn says
//! which one those who come add to. Who leaves takes its one off the same word,
//! on whichever unit: only the sum over all units counts.
//!
//! ```text
//!   enter:   w = turn;  words[w] += 1                        one section
//!   leave:   words[w] -= 1                                   one section
//!   change:  turn = 1 - w                                    whoever may
//!   left:    sum of words[w] over all units                  0: all have left
//!
//!   who waits:  change;  fence(all);  until left(w) == 0;  fence(all)
//! ```
//!
//! # Invariants
//! - T1: once a fence has passed after `change`, nobody stays in the other words
//!   who is not in their sum: a section read the turn and committed before the
//!   fence ended, or restarted and reads the new turn. (Without sections: the
//!   addition, a full fence, a second look, and undone if it was too late.)
//! - T2: so their sum is never less than how many are in there, and is 0 only if it
//!   has seen every subtraction: what is added after T1 is undone in the same word.
//! - T3: what who left had read under the turn was read before `left` says 0 and
//!   one more fence has passed: on some processors a load may still be under way
//!   when a later store is seen.
//! - T4: who enters by the new word sees what came before `change`.
//!
//! # Orderings
//! `change` stores Release, who enters looks with Acquire (T4). Leaving without
//! sections is Release, and the fence after `left` acquires (T3).

use core::fmt;

use crate::atomic::{AtomicU32, AtomicU64, BEFORE_ACQUIRE, Ordering};
use crate::copies::Copies;
use crate::mutate::mutated;
use crate::ops::{self, portable_switch as portable};
use crate::remote::copy_on;
use crate::unit::Unit;
use crate::word::run_at;

/// Which of two words on each unit sections add to.
///
/// `change` is for one thread at a time: the owner's duty. The words are always
/// the same ones, all zero at first, and changed through this alone.
pub struct Turn(AtomicU32);

/// The two words on each unit.
pub type InTurn = [AtomicU64; 2];

impl Turn {
    /// The first word's.
    #[cfg(not(percpu_loom))]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The first word's.
    #[cfg(percpu_loom)]
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Adds one to this CPU's word whose turn it is, and says which that was.
    #[inline(always)]
    pub fn enter(&self, words: &Copies<InTurn>) -> usize {
        run_at(
            words.home.resolved(),
            |at, by| ops::switch::add_in_turn(at, &self.0, by),
            |words| portable::add_in_turn(words, &self.0),
        )
    }

    /// Takes one off this CPU's word `which`: that of `enter`, on any CPU.
    #[inline(always)]
    pub fn leave(&self, words: &Copies<InTurn>, which: usize) {
        run_at(
            words.at(which & 1).place,
            |at, by| ops::dec(at, by).then_some(()),
            |word| {
                // Release: partner is the load in `left`, with the fence after it.
                let left = match mutated("turn_left_relaxed") {
                    true => Ordering::Relaxed,
                    false => Ordering::Release,
                };
                word.fetch_sub(1, left);
            },
        );
    }

    /// Makes it the other word's turn, and says whose it was. T1 holds once a
    /// [`fence::all`](crate::fence::all) has passed after this.
    pub fn change(&self) -> usize {
        // Relaxed: one thread at a time.
        let old = self.0.load(Ordering::Relaxed) & 1;
        let new = match mutated("turn_changed_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Release,
        };
        // Release: partner is the look of who enters.
        self.0.store(1 - old, new);
        old as usize
    }

    /// How many that entered by word `which` have not left; while some enter by it,
    /// this is as of no one moment.
    pub fn left(&self, words: &Copies<InTurn>, which: usize) -> u64 {
        let place = words.at(which).place;
        let units = if mutated("turn_one_unit") { 1 } else { usize::MAX };
        Unit::all_active()
            .into_iter()
            .flatten()
            .take(units)
            .map(|unit| copy_on(place, unit).load(BEFORE_ACQUIRE))
            .fold(0, u64::wrapping_add)
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Turn").field(&(self.0.load(Ordering::Relaxed) & 1)).finish()
    }
}
