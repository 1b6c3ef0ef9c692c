//! [`Queue`]: who waits for a lock, first come, first served.
//!
//! ```text
//!   first                                  last
//!   Writer | Readers 3 | Writer | Writer | Readers 1
//!            one Waiter for all three
//! ```
//! To be taken out of the queue, under the lock that guards it, is to be let in;
//! the word of a [`Waiter`] only brings the news. So who gives up and is no longer
//! in the queue has been let in.
//!
//! # Orderings
//! - `granted`: stored Release, loaded Acquire: who was let in sees what was done
//!   under the lock before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::atomic::{AtomicU32, Ordering};
use crate::mutate::{mutated, order};
use crate::sys::sync;

/// How long somebody waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// Not at all.
    Now,
    Then(Instant),
    Forever,
}

impl Until {
    /// What is left of the time; `None` is for ever.
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::Then(instant) => Some(instant.saturating_duration_since(Instant::now())),
            Self::Forever => None,
        }
    }
}

/// The word that one writer, or some readers, sleep on.
#[derive(Debug)]
pub(crate) struct Waiter {
    granted: AtomicU32,
}

impl Waiter {
    fn new() -> Arc<Self> {
        Arc::new(Self { granted: AtomicU32::new(0) })
    }

    /// Sleeps until let in, or until the time is up; whether the news came.
    pub(crate) fn wait(&self, until: Until) -> bool {
        let granted = match mutated("rwlock_granted_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        while self.granted.load(granted) == 0 {
            match until.left() {
                Some(Duration::ZERO) => return false,
                limit => sync::wait(&self.granted, 0, limit),
            }
        }
        true
    }

    fn grant(&self) {
        self.granted.store(1, order(Ordering::Release, "rwlock_grant_relaxed"));
        if !mutated("rwlock_waiters_not_woken") {
            sync::wake_all(&self.granted);
        }
    }
}

#[derive(Debug)]
enum Party {
    Readers { count: u64, waiter: Arc<Waiter> },
    Writer(Arc<Waiter>),
}

impl Party {
    fn waiter(&self) -> &Arc<Waiter> {
        match self {
            Self::Readers { waiter, .. } | Self::Writer(waiter) => waiter,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Queue(VecDeque<Party>);

/// Who was let in, and does not know yet.
#[must_use = "they sleep until woken"]
pub(crate) struct Admitted {
    /// How many readers.
    pub(crate) readers: u64,
    /// Whether the next is a writer, who waits for them and for nobody else.
    pub(crate) writer: bool,
    waiters: Vec<Arc<Waiter>>,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// At the end of the queue, with the readers there.
    pub(crate) fn add_reader(&mut self) -> Arc<Waiter> {
        if let Some(Party::Readers { count, waiter }) = self.0.back_mut() {
            *count += 1;
            return Arc::clone(waiter);
        }
        let waiter = Waiter::new();
        self.0.push_back(Party::Readers { count: 1, waiter: Arc::clone(&waiter) });
        waiter
    }

    /// At the end of the queue.
    pub(crate) fn add_writer(&mut self) -> Arc<Waiter> {
        let waiter = Waiter::new();
        self.0.push_back(Party::Writer(Arc::clone(&waiter)));
        waiter
    }

    /// Takes one of those behind `waiter` out of the queue. False if they have been
    /// let in.
    pub(crate) fn give_up(&mut self, waiter: &Arc<Waiter>) -> bool {
        let Some(at) = self.0.iter().position(|party| Arc::ptr_eq(party.waiter(), waiter)) else {
            return mutated("rwlock_gives_up_what_it_has");
        };
        match &mut self.0[at] {
            Party::Readers { count, .. } if *count > 1 => *count -= 1,
            _ => drop(self.0.remove(at)),
        }
        true
    }

    /// How many readers and writers wait.
    pub(crate) fn waiting(&self) -> u64 {
        let count = |party: &Party| match party {
            Party::Readers { count, .. } => *count,
            Party::Writer(_) => 1,
        };
        self.0.iter().map(count).sum()
    }

    /// Lets the first readers in, and the writer behind them, or the first writer.
    pub(crate) fn admit(&mut self) -> Admitted {
        let mut admitted = Admitted { readers: 0, writer: false, waiters: Vec::new() };
        while !admitted.writer {
            match self.0.pop_front() {
                Some(Party::Readers { count, waiter }) => {
                    admitted.readers += count;
                    admitted.waiters.push(waiter);
                }
                Some(Party::Writer(waiter)) => {
                    admitted.writer = true;
                    admitted.waiters.push(waiter);
                }
                None => break,
            }
        }
        admitted
    }
}

impl Admitted {
    /// Tells them; not under the lock.
    pub(crate) fn wake(self) {
        self.waiters.iter().for_each(|waiter| waiter.grant());
    }
}

#[cfg(all(test, not(percpu_loom)))]
mod tests {
    use super::*;

    /// What is let in, turn by turn: readers, and whether a writer.
    fn turns(queue: &mut Queue) -> Vec<(u64, bool)> {
        let mut turns = Vec::new();
        loop {
            let Admitted { readers, writer, .. } = queue.admit();
            if (readers, writer) == (0, false) {
                return turns;
            }
            turns.push((readers, writer));
        }
    }

    #[test]
    fn readers_between_two_writers_come_in_together() {
        let mut queue = Queue::new();
        queue.add_writer();
        queue.add_reader();
        queue.add_reader();
        queue.add_writer();
        queue.add_writer();
        queue.add_reader();
        assert_eq!(turns(&mut queue), [(0, true), (2, true), (0, true), (1, false)]);
    }

    #[test]
    fn who_gives_up_is_not_let_in_and_who_was_let_in_cannot() {
        let mut queue = Queue::new();
        let first = queue.add_reader();
        let writer = queue.add_writer();
        let second = queue.add_reader();
        queue.add_reader();
        assert!(queue.give_up(&writer));
        assert!(!queue.give_up(&writer));
        assert!(queue.give_up(&second));
        // Readers that no writer separates any more come in together.
        assert_eq!(turns(&mut queue), [(2, false)]);
        assert!(!queue.give_up(&first));
    }

    #[test]
    fn the_news_come_once_told() {
        let mut queue = Queue::new();
        let waiter = queue.add_writer();
        assert!(!waiter.wait(Until::Now));
        assert!(!waiter.wait(Until::Then(Instant::now() + Duration::from_millis(2))));
        queue.admit().wake();
        assert!(waiter.wait(Until::Now) && waiter.wait(Until::Forever));
    }
}
