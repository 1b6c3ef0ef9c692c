//! [`Protocol`]: who gets into a reader-writer lock, and when.
//!
//! # Why
//! In a lock that is read all the time the readers' count is the bottleneck: each
//! reader takes its cache line away from the others. Here a reader adds to its own
//! CPU's word, and only the sum of all words counts: who came in on one CPU may
//! leave on another. A writer closes a [`Switch`] on all of them, takes the sum
//! into one shared word, and waits until that is down to zero.
//!
//! ```text
//!                          a writer claims the lock
//!            ┌────────────────────────────────────────────────┐
//!            │                                                v
//!      ┌──────────┐    the last of REOPEN readers       ┌───────────┐  close: a fence
//!      │   open   │ <─────────────────┐                 │  closing  │  active += the words
//!      └──────────┘                   │                 └───────────┘
//!      readers: a word         ┌────────────┐                 │
//!      of their CPU            │   closed   │ <──┐            v
//!                              └────────────┘    │      ┌───────────┐  until active == 0
//!                              readers: active   │      │  draining │ <──────┐
//!                                     │ a writer │      └───────────┘        │
//!                                     │ claims   │            │              │ the next of
//!                                     v          │            v              │ the queue is
//!                                 draining       │      ┌───────────┐        │ a writer
//!                                                └───── │    held   │ ───────┘
//!                                          nobody waits └───────────┘
//! ```
//!
//! | | reader comes | reader leaves | writer comes |
//! | --- | --- | --- | --- |
//! | open | word + 1 | word - 1 | claims, closes |
//! | closed | `active` + 1 | `active` - 1 | claims |
//! | claimed | queue; word + 1 until closed | word or `active` - 1; the last wakes the writer | queue |
//!
//! A writer that leaves lets the first in the queue in: readers up to the next
//! writer, and that writer claims the lock and waits for them. It leaves the switch
//! closed, so writers that follow each other need one fence in all.
//!
//! A lock made by [`lazy`](Protocol::lazy) begins closed, without words: its
//! first reader allocates them, and to have them is to be open. If the system has no
//! memory it stays closed, and works all the same; every so many readers one tries again.
//!
//! # Reopening
//! A reader of a closed lock takes a mutex that one of an open lock does not; the
//! fence interrupts CPUs, which costs as much as dozens of these. So when [`REOPEN`] readers have come since
//! the last writer, they have lost about as much as the fence that opening will cost
//! the next writer: whatever comes next, twice the cost of the better choice is
//! the most that is paid (as in the ski-rental problem).
//!
//! # Invariants
//! - R1: words + `active` (its readers) is how many readers are in, but for a
//!   writer between `close` and the addition of what that took.
//! - R2: only who claimed the lock closes the switch; only under the lock of
//!   `state`, while nobody has claimed it, is it opened. So it is always one thread's
//!   duty, and who has claimed the lock finds it as it stays.
//! - R3: while the lock is claimed and the switch closed nobody comes in, so
//!   `active` only goes down, and zero stays zero.
//! - R4: somebody waits in the queue only while the lock is claimed, and who claimed
//!   it lets them in when it leaves. So nobody comes past them, and none is forgotten.
//!
//! # Orderings
//! - Writer to reader by a word: the switch is opened under the lock of `state`, which
//!   the writer had before; opened Release, looked at with Acquire (`switch.rs`).
//! - Writer to reader by `active`, and writer to writer: the lock of `state`, or
//!   the news (`queue.rs`).
//! - Reader to writer by a word: the fence in `close`, or, without sections, its swap.
//! - Reader to writer by `active`, and who wakes whom: `active.rs`.

use std::sync::Arc;
use std::time::Duration;

use super::active::Active;
use super::queue::{Queue, Until, Waiter};
use super::words::Words;
use crate::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::error::Error;
use crate::mutate::mutated;
use crate::per_cpu::PerCpu;
use crate::switch::Switch;
use crate::sys::sync::Mutex;

/// How many readers of a closed lock come in before the last of them opens it.
const REOPEN: u32 = if cfg!(percpu_loom) { 2 } else { 64 };

/// How long a writer waits after a refused fence until it asks for another.
const PAUSE: Duration = Duration::from_millis(1);

/// Two cache lines: what every reader looks at, and what changes while the switch is
/// closed. What the lock guards lies in neither.
#[repr(C, align(64))]
pub(crate) struct Protocol {
    /// Readers that came in while the switch was open, less those that left then.
    words: Words,
    switch: Switch,
    /// How often the switch was closed.
    fences: AtomicU32,
    /// Whether a writer is in, for who asks.
    held: AtomicBool,
    /// All other readers.
    active: Active,
    state: Mutex<State>,
}

struct State {
    /// Whether a writer is in, or is the next to be.
    claimed: bool,
    /// How many readers are still to come before the switch is opened.
    until_open: u32,
    queue: Queue,
}

/// How a writer that had claimed the lock fared.
#[derive(PartialEq, Eq)]
enum Drain {
    Done,
    TimedOut,
    /// The fence was refused; the switch is open.
    Refused,
}

impl Protocol {
    /// A lock that allocates its words when it is first read.
    #[cfg(not(percpu_loom))]
    pub(crate) const fn lazy() -> Self {
        Self {
            words: Words::none(),
            switch: Switch::new(),
            held: AtomicBool::new(false),
            active: Active::new(),
            fences: AtomicU32::new(0),
            state: Mutex::new(State::NEW),
        }
    }

    /// A lock that allocates its words when it is first read.
    #[cfg(percpu_loom)]
    pub(crate) fn lazy() -> Self {
        Self {
            words: Words::none(),
            switch: Switch::new(),
            held: AtomicBool::new(false),
            active: Active::new(),
            fences: AtomicU32::new(0),
            state: Mutex::new(State::NEW),
        }
    }

    /// A lock that is open from the start.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { words: Words::allocated()?, ..Self::lazy() })
    }

    /// A reader comes in, if it need not wait for anybody or for a lock.
    #[inline(always)]
    fn read_fast(&self) -> bool {
        match self.words.get() {
            Some(words) => self.switch.add(&**words, 1).is_ok(),
            None => false,
        }
    }

    #[inline(always)]
    pub(crate) fn read(&self, until: Until) -> bool {
        self.read_fast() || self.read_closed(until)
    }

    /// The switch is closed.
    #[cold]
    #[inline(never)]
    fn read_closed(&self, until: Until) -> bool {
        // Before the lock is taken: who is told of an allocation may read this too.
        let fresh = self.words.allocate();
        let mut state = self.state.lock();
        if !state.claimed {
            // Also if it is open by now: the sum counts.
            let spare = self.count_in(&mut state, 1, fresh);
            drop(state);
            // Not under the lock either.
            drop(spare);
            return true;
        }
        if fresh.is_some() {
            self.words.ask_again();
        }
        if let Until::Now = until {
            return false;
        }
        let waiter = state.queue.add_reader();
        drop(state);
        drop(fresh);
        self.wait(&waiter, until)
    }

    /// A reader leaves.
    #[inline(always)]
    pub(crate) fn read_done(&self) {
        let left = match self.words.get() {
            Some(words) => self.switch.add(&**words, 1_u64.wrapping_neg()).is_ok(),
            None => false,
        };
        if !left {
            self.active.leave();
        }
    }

    /// Takes the lock for a writer, unless the time is up first. A refused fence
    /// is asked for again and again: nobody else could tell that no reader is in.
    pub(crate) fn write(&self, until: Until) -> bool {
        while self.claim(until) {
            match self.drain(until) {
                Drain::Done => return true,
                Drain::TimedOut => break,
                Drain::Refused => {
                    self.hand_over(0);
                    match until.left() {
                        Some(Duration::ZERO) => break,
                        left => std::thread::sleep(left.map_or(PAUSE, |left| left.min(PAUSE))),
                    }
                }
            }
        }
        false
    }

    /// Takes the lock for a writer if nobody is in and nobody waits.
    pub(crate) fn try_write(&self) -> bool {
        {
            let mut state = self.state.lock();
            // A look before the fence: who tries again and again beside a
            // reader that stays would stop all others each time.
            if state.claimed || self.readers() != 0 {
                return false;
            }
            state.claimed = true;
        }
        match self.drain(Until::Now) {
            Drain::Done => true,
            Drain::TimedOut => false,
            Drain::Refused => {
                self.hand_over(0);
                false
            }
        }
    }

    /// A writer leaves.
    pub(crate) fn write_done(&self) {
        // Relaxed: nobody concludes anything from it.
        self.held.store(false, Ordering::Relaxed);
        self.hand_over(0);
    }

    /// A writer becomes a reader, with no writer in between.
    pub(crate) fn downgrade(&self) {
        self.held.store(false, Ordering::Relaxed);
        if mutated("rwlock_downgrade_leaves") {
            self.hand_over(0);
            self.read(Until::Forever);
            return;
        }
        self.hand_over(1);
    }

    /// Whether a writer is in.
    pub(crate) fn is_written(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether anybody is in, or a writer about to be.
    pub(crate) fn is_locked(&self) -> bool {
        self.state.lock().claimed || self.readers() != 0
    }

    /// How often a writer needed a fence.
    pub(crate) fn fences(&self) -> u32 {
        self.fences.load(Ordering::Relaxed)
    }

    /// How many wait in the queue.
    pub(crate) fn waiting(&self) -> u64 {
        self.state.lock().queue.waiting()
    }

    /// The readers that are in, as of no one moment.
    fn readers(&self) -> i64 {
        let words = self.words.get().map_or(0, |words| self.switch.peek(&**words));
        self.active.readers().wrapping_add(words.cast_signed())
    }

    /// Makes this writer the one that is next.
    fn claim(&self, until: Until) -> bool {
        let mut state = self.state.lock();
        if !state.claimed || mutated("rwlock_claims_what_is_claimed") {
            state.claimed = true;
            return true;
        }
        let waiter = state.queue.add_writer();
        drop(state);
        self.wait(&waiter, until)
    }

    /// Waits to be let in, by who claimed the lock.
    #[cold]
    fn wait(&self, waiter: &Arc<Waiter>, until: Until) -> bool {
        // The time may be up in the moment somebody lets us in.
        waiter.wait(until) || !self.state.lock().queue.give_up(waiter)
    }

    /// With the lock claimed: closes the switch, if it is open, and waits for the
    /// readers that are in. After `TimedOut` the lock is claimed by somebody else,
    /// or by nobody.
    fn drain(&self, until: Until) -> Drain {
        let mut taken = 0;
        if let Some(words) = self.words.get().filter(|_| !self.switch.is_closed()) {
            match self.switch.close(&**words) {
                Ok(_) if mutated("rwlock_words_not_counted") => {}
                Ok(readers) => taken = readers,
                Err(_) => return Drain::Refused,
            }
            self.fences.fetch_add(1, Ordering::Relaxed);
        }
        if !self.active.drain(taken, until) {
            self.hand_over(0);
            return Drain::TimedOut;
        }
        // Relaxed: as in `write_done`.
        self.held.store(true, Ordering::Relaxed);
        Drain::Done
    }

    /// With the lock claimed: lets those in whose turn it is, and `stay` readers
    /// more, who are in already.
    fn hand_over(&self, stay: u64) {
        let mut state = self.state.lock();
        let admitted = state.queue.admit();
        state.claimed = admitted.writer;
        state.until_open = REOPEN;
        let _none = self.count_in(&mut state, admitted.readers + stay, None);
        drop(state);
        admitted.wake();
    }

    /// Counts readers that come in, under the lock of `state`; opens the switch if
    /// they were many, or if there are `fresh` words. Returns words that are left.
    #[must_use = "dropped when the lock is not held"]
    fn count_in(
        &self,
        state: &mut State,
        readers: u64,
        fresh: Option<PerCpu<AtomicU64>>,
    ) -> Option<PerCpu<AtomicU64>> {
        self.active.enter(readers);
        if state.claimed {
            return fresh;
        }
        let Some(words) = self.words.get() else {
            return self.count_in_without_words(state, readers, fresh);
        };
        if self.switch.is_closed() {
            state.come(readers);
            if state.until_open == 0 {
                self.switch.open(&**words);
            }
        }
        fresh
    }

    #[cold]
    fn count_in_without_words(
        &self,
        state: &mut State,
        readers: u64,
        fresh: Option<PerCpu<AtomicU64>>,
    ) -> Option<PerCpu<AtomicU64>> {
        // The switch was never closed: to have words is to be open.
        let spare = fresh.and_then(|fresh| self.words.set(fresh));
        if self.words.get().is_none() {
            state.come(readers);
            if state.until_open == 0 {
                state.until_open = REOPEN;
                self.words.ask_again();
            }
        }
        spare
    }
}

impl State {
    const NEW: Self = Self { claimed: false, until_open: REOPEN, queue: Queue::new() };

    fn come(&mut self, readers: u64) {
        let readers = u32::try_from(readers).unwrap_or(u32::MAX);
        self.until_open = self.until_open.saturating_sub(readers);
    }
}

#[cfg(all(test, not(percpu_loom)))]
#[path = "protocol_tests.rs"]
mod tests;
