//! Not waiting for a [`Domain`]: callbacks that run once readers have left, and tokens
//! that tell whether they have.
//!
//! Nothing runs by itself: who calls does a step, and waits for no reader.

use percpu_core::Error;

use crate::domain::Domain;
use crate::grace_period::Ticket;
use crate::inside;
use crate::sync::Pause;

/// How many callbacks are deferred between two looks whether some may run.
const BATCH: u64 = 64;

/// A grace period that was asked for: the kernel's cookie. From [`Domain::start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GracePeriod(pub(crate) Ticket);

impl Domain {
    /// Runs `f` once every section that began before this call has ended.
    ///
    /// It waits for nobody. Callbacks run in the order in which they were deferred,
    /// in some thread that calls [`poll`](Self::poll), [`barrier`](Self::barrier) or
    /// this, which polls with every 64th callback; what is left when the domain is
    /// dropped runs then. That thread may be in a section, so a callback must not
    /// wait for the domain; it may defer more.
    ///
    /// ```
    /// use percpu_counter::Domain;
    /// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// let domain = Domain::new()?;
    /// let over = Arc::new(AtomicBool::new(false));
    /// let reading = domain.read();
    /// let theirs = Arc::clone(&over);
    /// domain.defer(move || theirs.store(true, Ordering::Relaxed));
    /// domain.poll()?;
    /// assert!(!over.load(Ordering::Relaxed), "somebody reads");
    /// drop(reading);
    /// domain.poll()?;
    /// assert!(over.load(Ordering::Relaxed));
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    ///
    /// # Panics
    /// If it polls and a callback panics; all that are ready have run then.
    ///
    /// # Performance
    /// An allocation and a short lock; with every 64th a [`poll`](Self::poll).
    #[doc(alias = "call_srcu")]
    #[doc(alias = "call_rcu")]
    pub fn defer(&self, f: impl FnOnce() + Send + 'static) {
        let added = self.deferred.add(|| self.grace.ticket(), Box::new(f));
        if added.is_multiple_of(BATCH) {
            // Refused a fence, they stay where they are: `poll` and `barrier` say so.
            let _ = self.poll();
        }
    }

    /// Drops `value` once every section that began before this call has ended:
    /// [`defer`](Self::defer) of `drop`.
    #[doc(alias = "kfree_rcu")]
    pub fn defer_drop<T: Send + 'static>(&self, value: T) {
        self.defer(move || drop(value));
    }

    /// Runs the callbacks whose time has come, and gets as near to that of the others
    /// as can be without waiting; how many ran.
    ///
    /// # Errors
    /// [`Error::FenceRefused`] if the system refuses the fence; nothing was run that
    /// was not ready, and nothing is lost.
    ///
    /// # Panics
    /// If a callback does, after all that are ready have run.
    ///
    /// # Performance
    /// Two short locks if nothing is to be done. A fence starts a grace period, and
    /// another one ends it.
    pub fn poll(&self) -> Result<usize, Error> {
        let advanced = self.grace.advance(self.deferred.wanted());
        let ran = self.deferred.run(|ticket| self.grace.is_past(ticket));
        advanced.map(|()| ran)
    }

    /// Waits until every callback that was deferred before this call has run, here or
    /// elsewhere.
    ///
    /// ```
    /// use percpu_counter::Domain;
    /// use std::sync::Arc;
    /// let domain = Domain::new()?;
    /// let value = Arc::new(7);
    /// domain.defer_drop(Arc::clone(&value));
    /// domain.barrier()?;
    /// assert_eq!(Arc::strong_count(&value), 1);
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`synchronize`](Self::synchronize); what is left is kept.
    ///
    /// # Panics
    /// As that; in a callback; and if a callback panics, after all that are ready have
    /// run.
    #[doc(alias = "srcu_barrier")]
    pub fn barrier(&self) -> Result<(), Error> {
        inside::check_outside(self);
        let (goal, ticket) = self.deferred.goal();
        if !self.deferred.has_run(goal) {
            self.grace.wait(ticket)?;
        }
        let mut pause = Pause::default();
        while !self.deferred.has_run(goal) {
            if self.deferred.run(|ticket| self.grace.is_past(ticket)) == 0 {
                // Another thread runs them.
                pause.turn();
            }
        }
        Ok(())
    }

    /// Asks for a grace period without waiting for it: once
    /// [`is_past`](Self::is_past) says so, every section that began before this call
    /// has ended.
    ///
    /// It goes on whenever somebody polls, waits, or defers enough.
    ///
    /// ```
    /// let domain = percpu_counter::Domain::new()?;
    /// let reading = domain.read();
    /// let readers = domain.start();
    /// assert!(!domain.is_past(readers));
    /// drop(reading);
    /// domain.poll()?;
    /// assert!(domain.is_past(readers));
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    #[doc(alias = "start_poll_synchronize_srcu")]
    pub fn start(&self) -> GracePeriod {
        let ticket = self.grace.ticket();
        self.deferred.want(ticket);
        // Refused a fence, it starts later: `poll` says so.
        let _ = self.grace.advance(ticket);
        GracePeriod(ticket)
    }

    /// Whether every section that began before [`start`](Self::start) of this domain
    /// returned `asked` has ended. Once it has, it has.
    ///
    /// # Performance
    /// One load.
    #[doc(alias = "poll_state_synchronize_srcu")]
    pub fn is_past(&self, asked: GracePeriod) -> bool {
        self.grace.is_past(asked.0)
    }
}
