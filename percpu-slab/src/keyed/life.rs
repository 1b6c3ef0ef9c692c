//! A slot's life: who may look at its value, and who may take it out.
//!
//! # Why
//! Readers stand in a section of the slab's domain, and write nothing that is shared. So
//! whoever takes a value out would have to wait for all who read at that moment, for a
//! value that nobody may ever have looked at. One flag tells: the first reader of a
//! value sets `READ`, and all later ones only load it.
//!
//! ```text
//!                 fill                    first reader
//!   vacant(g) ──────────> LIVE ───────────────────────────> LIVE READ ──────┐
//!                           │ take, remove:                │      │ ^       │ take, remove
//!                           │ nobody can have it      try  │      │ │ read, │
//!                           v                              v      │ │ or end│
//!                    vacant(g + 1)  <──────────────── LIVE TRY ───┼─┘       v
//!                      at once         nobody has read since      │   vacant(g + 1)
//!                                                                 v   after a grace period
//!                                                          LIVE READ TRY
//! ```
//!
//! # Invariants
//! - L1: who has a reference is in a section of the domain, and found `READ` set in it,
//!   or set it.
//! - L2: `READ` goes out only together with `TRY` coming in, or with the value; `TRY`
//!   belongs to the thread that set it, and who ends a try without success sets `READ`.
//!   So a value with neither flag was never read.
//! - L3: while `TRY` stands without `READ`, nobody has begun to read since. If a whole
//!   grace period has passed as well, nobody has a reference.
//! - L4: a word with the same generation is about the same value: each value's is one
//!   higher than that of the one before, and words of vacant slots have no flags.
//!
//! # Orderings
//! - `fill` stores Release; who reads, takes or removes loads Acquire: they see the
//!   value. Flags are set by read-modify-writes, which hand that on.
//! - What readers did before what comes after a grace period: the domain's.
//! - A word that is made vacant is not loaded for what came before it: the slot's next
//!   user has it from a magazine.

use core::sync::atomic::Ordering;

use percpu_core::__raw::mutated;

use super::slot::{Slot, generation, vacant};

/// The slot has a value.
const LIVE: u64 = 1;
/// Somebody may have a reference.
const READ: u64 = 2;
/// Somebody is about to find out whether anybody has.
const TRY: u64 = 4;

/// What became of a value that was to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It is not there, or no more.
    Gone,
    /// It is the caller's.
    Alone,
    /// It is the caller's after a grace period.
    Read,
}

/// What a try to take without waiting met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    Gone,
    /// Somebody else tries.
    Busy,
    /// It is the caller's.
    Alone,
    /// It is to be found out. `finish` or `give_up` has to follow.
    Begun,
}

#[inline(always)]
fn live(generation: u32) -> u64 {
    vacant(generation) | LIVE
}

#[inline(always)]
fn next(generation: u32) -> u64 {
    vacant(generation.wrapping_add(1))
}

fn is_of(state: u64, generation: u32) -> bool {
    state & !(READ | TRY) == live(generation)
}

/// The caller's slot has its value now.
#[inline(always)]
pub(super) fn fill<T>(slot: &Slot<T>, generation: u32) {
    let filled = match mutated("slot_filled_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Release,
    };
    // Release: partners are the Acquire loads below.
    slot.state.store(live(generation), filled);
}

/// Whether the value of this generation is there; as of a moment ago.
#[inline]
pub(super) fn is_there<T>(slot: &Slot<T>, generation: u32) -> bool {
    // Relaxed: nothing is read.
    is_of(slot.state.load(Ordering::Relaxed), generation)
}

/// The generation of the value that is there, if one is; as of a moment ago.
#[inline]
pub(super) fn there<T>(slot: &Slot<T>) -> Option<u32> {
    // Relaxed: nothing is read.
    let state = slot.state.load(Ordering::Relaxed);
    (state & LIVE != 0).then(|| generation(state))
}

/// Whether the caller, who is in a section, may read the value of this generation until
/// its end.
#[inline(always)]
pub(super) fn read<T>(slot: &Slot<T>, generation: u32) -> bool {
    let seen = match mutated("slot_read_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Acquire,
    };
    // Acquire: partner is `fill`.
    let state = slot.state.load(seen);
    state == live(generation) | READ || read_first(slot, generation, state)
}

/// Nobody has read it, or it is about to go, or gone.
#[cold]
#[inline(never)]
fn read_first<T>(slot: &Slot<T>, generation: u32, mut state: u64) -> bool {
    loop {
        if !is_of(state, generation) {
            return false;
        }
        if state & READ != 0 || mutated("slot_read_unmarked") {
            return true;
        }
        let marked = state | READ;
        // Acquire: partner is `fill`. (Once more: the load that told this generation had it,
        // and the value has not changed since. No model can miss it.)
        let set = slot.state.compare_exchange(state, marked, Ordering::Acquire, Ordering::Acquire);
        match set {
            Ok(_) => return true,
            Err(now) => state = now,
        }
    }
}

#[inline(always)]
fn claimed() -> Ordering {
    match mutated("slot_claim_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Acquire,
    }
}

/// Makes the slot vacant if the value of this generation is there.
#[inline(always)]
pub(super) fn claim<T>(slot: &Slot<T>, generation: u32) -> Claim {
    // Acquire: partner is `fill`.
    let (old, new) = (live(generation), next(generation));
    if mutated("slot_claim_in_two_steps") && slot.state.load(Ordering::Acquire) == old {
        slot.state.store(new, Ordering::Relaxed);
        return Claim::Alone;
    }
    match slot.state.compare_exchange(old, new, claimed(), Ordering::Relaxed) {
        Ok(_) => Claim::Alone,
        Err(state) => claim_read(slot, generation, state),
    }
}

#[cold]
#[inline(never)]
fn claim_read<T>(slot: &Slot<T>, generation: u32, mut state: u64) -> Claim {
    loop {
        if !is_of(state, generation) {
            return Claim::Gone;
        }
        let new = next(generation);
        // Acquire: partner is `fill`. (The grace period that follows hands on what a reader
        // acquired; it is here for who is alone.)
        match slot.state.compare_exchange(state, new, claimed(), Ordering::Relaxed) {
            Ok(_) if state == live(generation) => return Claim::Alone,
            Ok(_) if state & READ == 0 && mutated("slot_try_is_unread") => return Claim::Alone,
            Ok(_) => return Claim::Read,
            Err(now) => state = now,
        }
    }
}

/// The value that was claimed, and read, and is still where it was, is there again.
pub(super) fn unclaim<T>(slot: &Slot<T>, generation: u32) {
    let there = match mutated("slot_unclaim_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Release,
    };
    // Release: as in `fill`.
    slot.state.store(live(generation) | READ, there);
}

/// Begins to take a value without waiting.
pub(super) fn try_claim<T>(slot: &Slot<T>, generation: u32) -> Try {
    // Relaxed: looked at again by what follows.
    let mut state = slot.state.load(Ordering::Relaxed);
    loop {
        if !is_of(state, generation) {
            return Try::Gone;
        }
        if state & TRY != 0 && !mutated("slot_two_tries") {
            return Try::Busy;
        }
        let (new, outcome) = match state & READ {
            0 => (next(generation), Try::Alone),
            _ => (live(generation) | TRY, Try::Begun),
        };
        // Acquire: partner is `fill`. Release: who reads from now on sees what was done
        // before the try.
        let tried = match mutated("slot_try_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::AcqRel,
        };
        match slot.state.compare_exchange(state, new, tried, Ordering::Relaxed) {
            Ok(_) => return outcome,
            Err(now) => state = now,
        }
    }
}

/// Takes the value after a grace period; whether it is the caller's (L3).
pub(super) fn finish<T>(slot: &Slot<T>, generation: u32) -> bool {
    let (old, new) = (live(generation) | TRY, next(generation));
    // Acquire: partner is `fill`. (Once more, after the one of `try_claim`.)
    if slot.state.compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed).is_ok() {
        return true;
    }
    if mutated("slot_finish_anyway") {
        slot.state.store(new, Ordering::Relaxed);
        return true;
    }
    give_up(slot, generation);
    false
}

/// Leaves the value as one that somebody may have, if it is still there.
pub(super) fn give_up<T>(slot: &Slot<T>, generation: u32) {
    let read = if mutated("slot_give_up_is_unread") { 0 } else { READ };
    let end = |state| is_of(state, generation).then_some((state | read) & !TRY);
    // Relaxed: nothing is read; the flags hand on what `fill` released.
    let _ = slot.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end);
}
