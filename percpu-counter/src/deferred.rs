//! [`Deferred`]: callbacks, each waiting for a grace period.
//!
//! Tickets are drawn under the lock, so they go up along the queue and what is ready
//! is its beginning. One thread at a time takes it off, and runs it with no lock
//! held: a callback may defer more, and `ran` counts in the order of the queue.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use percpu_core::__private::mutated;
use percpu_core::__raw::{Panic, keep_first};

use crate::grace_period::Ticket;
use crate::sync::{Mutex, ThreadId, me};

pub(crate) type Callback = Box<dyn FnOnce() + Send>;

pub(crate) struct Deferred(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Ticket, Callback)>,
    /// The latest grace period that somebody asked for.
    wanted: Ticket,
    /// How many were ever put in.
    added: u64,
    /// How many have run: the first so many.
    ran: u64,
    /// Who runs some now.
    runner: Option<ThreadId>,
}

impl Deferred {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Queue::default()))
    }

    /// Puts `callback` in; how many were put in so far.
    pub(crate) fn add(&self, ticket: impl Fn() -> Ticket, callback: Callback) -> u64 {
        let early = mutated("defer_ticket_before_lock").then(&ticket);
        let mut queue = self.0.lock();
        let ticket = early.unwrap_or_else(&ticket);
        debug_assert!(queue.waiting.back().is_none_or(|(last, _)| *last <= ticket), "out of turn");
        queue.wanted = queue.wanted.max(ticket);
        queue.waiting.push_back((ticket, callback));
        queue.added += 1;
        queue.added
    }

    /// Somebody asks for the grace period of `ticket`, without a callback.
    pub(crate) fn want(&self, ticket: Ticket) {
        let mut queue = self.0.lock();
        queue.wanted = queue.wanted.max(ticket);
    }

    /// The latest grace period that was asked for.
    pub(crate) fn wanted(&self) -> Ticket {
        self.0.lock().wanted
    }

    /// How many have not run.
    pub(crate) fn pending(&self) -> u64 {
        let queue = self.0.lock();
        queue.added - queue.ran
    }

    /// How many must have run before all that are in now have, and what for.
    ///
    /// # Panics
    /// If one of them asks.
    pub(crate) fn goal(&self) -> (u64, Ticket) {
        let queue = self.0.lock();
        let asks_itself = queue.runner == Some(me());
        let goal = (queue.added, queue.wanted);
        drop(queue);
        assert!(!asks_itself, "a deferred callback waits for deferred callbacks: for itself");
        goal
    }

    /// Whether the first so many have run.
    pub(crate) fn has_run(&self, goal: u64) -> bool {
        self.0.lock().ran >= goal
    }

    /// Runs those whose grace period `is_past`, unless a thread does already; how
    /// many.
    ///
    /// # Panics
    /// If one of them does, after all of them have run.
    pub(crate) fn run(&self, is_past: impl Fn(Ticket) -> bool) -> usize {
        let mut queue = self.0.lock();
        if queue.runner.is_some() && !mutated("defer_runs_beside") {
            return 0;
        }
        let ready = queue
            .waiting
            .partition_point(|(ticket, _)| is_past(*ticket) || mutated("defer_at_once"));
        if ready == 0 {
            return 0;
        }
        let batch: Vec<Callback> = queue.waiting.drain(..ready).map(|(_, run)| run).collect();
        queue.runner = Some(me());
        drop(queue);
        let panic = run_each(batch);
        let mut queue = self.0.lock();
        queue.ran += ready as u64;
        queue.runner = None;
        drop(queue);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        ready
    }

    /// Runs all that are left: nobody reads any more, and nobody else is here.
    ///
    /// # Panics
    /// If one of them does, after all of them have run; unless the thread is
    /// panicking as it is.
    pub(crate) fn run_rest(&mut self) {
        let mut queue = self.0.lock();
        let rest = mem::take(&mut queue.waiting);
        drop(queue);
        let panic = run_each(rest.into_iter().map(|(_, run)| run));
        if let Some(panic) = panic.filter(|_| !std::thread::panicking()) {
            resume_unwind(panic);
        }
    }
}

/// Runs them all; what the first of them that panicked said.
fn run_each(callbacks: impl IntoIterator<Item = Callback>) -> Option<Panic> {
    let mut first = None;
    for run in callbacks {
        keep_first(&mut first, catch_unwind(AssertUnwindSafe(run)));
    }
    first
}
