//! Words behind a switch where no section may run: the switch is in the word.
//!
//! A fence does not hold atomic instructions back, so a switch elsewhere could be
//! set between a look at it and the change. Who closes swaps [`FROZEN`] in; a
//! change is a compare-exchange, which then fails. A turn has no such value: it
//! is looked at again after the change, which is undone if it was too late.
//!
//! # Orderings
//! - A change acquires and releases: what came before it is seen by who closes
//!   (`swap` in `switch.rs`), and what was done while closed by who comes after
//!   (`store` there, Release).
//! - In turn: the change, a full fence, a look at the turn; the partner stores the
//!   turn, passes a full fence, and looks at the word. One sees the other.

use crate::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::mutate::mutated;
use crate::ops::refused::Refused;

/// In a word of a unit without sections while its switch is closed. No count and
/// no stock comes near it.
pub(crate) const FROZEN: u64 = 1 << 63;

/// Adds, if the word is not frozen and the new value lies in `low..=low + span`.
pub(crate) fn add_within(word: &AtomicU64, n: u64, (low, span): (u64, u64)) -> Result<(), Refused> {
    let mut value = word.load(Ordering::Relaxed);
    loop {
        if value == FROZEN && !mutated("switch_not_frozen") {
            return Err(Refused::Stopped);
        }
        let new = value.wrapping_add(n);
        if new.wrapping_sub(low) > span {
            return Err(Refused::Bounds);
        }
        let both = match mutated("switch_change_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::AcqRel,
        };
        match word.compare_exchange_weak(value, new, both, Ordering::Relaxed) {
            Ok(_) => return Ok(()),
            Err(found) => value = found,
        }
    }
}

/// Adds one to the word whose turn it is, and says which.
pub(crate) fn add_in_turn(words: &[AtomicU64; 2], turn: &AtomicU32) -> usize {
    let last = match mutated("turn_look_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Acquire,
    };
    // Relaxed: the look that decides is the one below.
    let mut which = turn.load(Ordering::Relaxed) & 1;
    loop {
        let word = &words[which as usize];
        word.fetch_add(1, Ordering::Relaxed);
        if !mutated("turn_no_fence") {
            fence(Ordering::SeqCst);
        }
        // Acquire: what was stored before the turn changed.
        let now = turn.load(last) & 1;
        if now == which || mutated("turn_no_second_look") {
            return which as usize;
        }
        // Relaxed: nothing was read under it.
        word.fetch_sub(1, Ordering::Relaxed);
        which = now;
    }
}
