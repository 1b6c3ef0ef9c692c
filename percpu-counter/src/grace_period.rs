//! [`GracePeriods`]: waiting until all readers of a moment have left, once for all
//! who wait.
//!
//! # One after the other
//! ```text
//!             nobody reads by the other word
//!   idle ──────────── sequence + 1, change ───────────> changed
//!    ^                                                     │ fence
//!    └── sequence + 1 <── fence <── left == 0 <── waiting <┘
//! ```
//! A step that is refused its fence leaves the phase as it is; who comes next tries
//! again, and nothing was concluded meanwhile.
//!
//! # Who shares one
//! `sequence` is even while nothing is under way, and goes up by two with each grace
//! period. A [`Ticket`] says which value is late enough for who asks now: the end of
//! the first grace period that starts later. All who ask while one is under way hold
//! the same ticket: the first of them drives, the others sleep until it has ended.
//!
//! # Invariants
//! - G1: while `idle`, the word whose turn it is not has nobody in it; so each who
//!   reads when a grace period starts reads by the word that it then waits for.
//! - G2: what came before a ticket was drawn is seen by each who begins to read after
//!   the grace period of that ticket has changed the turn.
//! - G3: what was read by those who left comes before what follows the end.
//!
//! # Orderings
//! - Tickets are drawn, and grace periods start, by read-modify-writes that acquire
//!   and release: whichever comes first is seen by the other, and the turn hands it
//!   on to readers (T4 in the core's `turn.rs`): G2.
//! - The end is Release, [`is_past`](GracePeriods::is_past) Acquire; before it is the
//!   fence that the core's T3 asks for: G3.

use std::fmt;

use percpu_core::__private::{mutated, order};
use percpu_core::__raw::{InTurn, Turn};
use percpu_core::atomic::{AtomicU64, Ordering};
use percpu_core::{Error, PerCpu, fence};

use crate::sync::{Condvar, Mutex, MutexGuard, Pause};

/// Which value of the sequence is late enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(u64);

pub(crate) struct GracePeriods {
    read: ReadSide,
    sequence: AtomicU64,
    driver: Mutex<Driver>,
    /// For who waits while another thread drives.
    ended: Condvar,
}

/// What readers load, in a line of its own: who waits and who defers writes the rest.
#[repr(align(64))]
struct ReadSide {
    turn: Turn,
    words: PerCpu<InTurn>,
}

/// Who takes grace periods on: one thread at a time.
struct Driver {
    phase: Phase,
    /// Whether one is at it with the lock open, and will put the phase back.
    is_busy: bool,
}

/// How far the grace period under way has come; which word it waits for.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Idle,
    Changed(usize),
    Waiting(usize),
}

impl GracePeriods {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            read: ReadSide { turn: Turn::new(), words: PerCpu::zeroed()? },
            sequence: AtomicU64::new(0),
            driver: Mutex::new(Driver { phase: Phase::Idle, is_busy: false }),
            ended: Condvar::new(),
        })
    }

    /// Begins to read; which word to leave by.
    #[inline(always)]
    pub(crate) fn enter(&self) -> usize {
        self.read.turn.enter(&self.read.words)
    }

    /// Ends what `enter` began, on any CPU.
    #[inline(always)]
    pub(crate) fn leave(&self, which: usize) {
        self.read.turn.leave(&self.read.words, which);
    }

    /// The end of the first grace period that starts after this.
    pub(crate) fn ticket(&self) -> Ticket {
        // AcqRel: partner is the start in `step`. A read-modify-write, as one of the
        // two must come first: after the start the sequence is odd here.
        let now = match mutated("ticket_loaded") {
            true => self.sequence.load(Ordering::Relaxed),
            false => self.sequence.fetch_add(0, order(Ordering::AcqRel, "ticket_relaxed")),
        };
        if mutated("ticket_of_the_one_under_way") {
            return Ticket((now + 2) & !1);
        }
        Ticket((now + 3) & !1)
    }

    /// Whether that grace period has ended.
    pub(crate) fn is_past(&self, ticket: Ticket) -> bool {
        let past = match mutated("past_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        // Acquire: partner is the end in `step`.
        self.sequence.load(past) >= ticket.0
    }

    /// How many have ended.
    pub(crate) fn count(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed) / 2
    }

    /// Waits until the grace period of `ticket` has ended.
    pub(crate) fn wait(&self, ticket: Ticket) -> Result<(), Error> {
        let mut driver = self.driver.lock();
        while !self.is_past(ticket) {
            driver = match driver.is_busy && !mutated("domain_two_drivers") {
                true => self.ended.wait(driver),
                false => self.drive(driver)?,
            };
        }
        Ok(())
    }

    /// Takes the grace period under way, or a new one, to its end, with the lock open.
    fn drive<'a>(
        &'a self,
        mut driver: MutexGuard<'a, Driver>,
    ) -> Result<MutexGuard<'a, Driver>, Error> {
        driver.is_busy = true;
        let mut phase = driver.phase;
        drop(driver);
        let mut pause = Pause::default();
        let ended = loop {
            match self.step(&mut phase) {
                Ok(false) => pause.turn(),
                ended => break ended,
            }
        };
        let mut driver = self.driver.lock();
        debug_assert!(driver.is_busy, "two at a time");
        *driver = Driver { phase, is_busy: false };
        // Whose ticket is past goes; one of the others takes the next one on.
        if !mutated("domain_waiters_not_woken") {
            self.ended.wake_all();
        }
        ended.map(|_| driver)
    }

    /// Gets as near to the end of that grace period as can be without waiting.
    pub(crate) fn advance(&self, ticket: Ticket) -> Result<(), Error> {
        let mut driver = self.driver.lock();
        // Who drives does it.
        while !driver.is_busy && !self.is_past(ticket) && self.step(&mut driver.phase)? {}
        Ok(())
    }

    /// Takes the grace period under way, or a new one, as far as can be; whether it
    /// has ended.
    fn step(&self, phase: &mut Phase) -> Result<bool, Error> {
        if let Phase::Idle = *phase {
            // AcqRel: partner is `ticket`.
            self.sequence.fetch_add(1, order(Ordering::AcqRel, "domain_start_relaxed"));
            *phase = Phase::Changed(self.read.turn.change());
        }
        if let Phase::Changed(old) = *phase {
            if !mutated("domain_no_change_fence") {
                fence::all()?;
            }
            *phase = Phase::Waiting(old);
        }
        if let Phase::Waiting(old) = *phase {
            if self.read.turn.left(&self.read.words, old) != 0 {
                return Ok(false);
            }
            // T3 of the core's `turn.rs`.
            if !mutated("domain_no_last_fence") {
                fence::all()?;
            }
            *phase = Phase::Idle;
            // Release: partner is `is_past`. The fence above does as much, so no model
            // would miss this.
            self.sequence.fetch_add(1, Ordering::Release);
        }
        Ok(true)
    }
}

impl fmt::Debug for GracePeriods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let under_way = !self.sequence.load(Ordering::Relaxed).is_multiple_of(2);
        f.debug_struct("GracePeriods")
            .field("ended", &self.count())
            .field("under_way", &under_way)
            .finish_non_exhaustive()
    }
}
