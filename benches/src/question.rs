//! [`Question`]: one thing to do, ours and what people use today.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use crate::job::Job;
use crate::raw;

/// Threads that do it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    /// So many, each pinned to a CPU of its own.
    Pinned(usize),
    /// So many, wherever the system puts them.
    Free(usize),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned(1) => f.write_str("1 thread"),
            Self::Pinned(threads) => write!(f, "{threads} threads"),
            Self::Free(threads) => write!(f, "{threads} threads, not pinned"),
        }
    }
}

/// One thing to do.
pub struct Question {
    /// What is done, over and over.
    pub name: &'static str,
    /// By how many.
    pub settings: Vec<Setting>,
    /// Ours.
    pub ours: Arc<dyn Job>,
    /// What people use today.
    pub rivals: Vec<Rival>,
    /// How many times slower ours may be in the last setting than in the first.
    pub growth: Option<f64>,
}

/// What people use today.
pub struct Rival {
    /// What it does.
    pub job: Arc<dyn Job>,
    /// How many times faster ours must be in each setting; as it comes where nothing
    /// is said.
    pub asked: Vec<Option<f64>>,
}

impl Question {
    /// With one thread and with two.
    pub fn new(name: &'static str, ours: Arc<dyn Job>) -> Self {
        let settings = vec![Setting::Pinned(1), Setting::Pinned(2)];
        Self { name, settings, ours, rivals: Vec::new(), growth: None }
    }

    /// In these settings instead.
    #[must_use]
    pub fn settings(mut self, settings: &[Setting]) -> Self {
        self.settings = settings.to_vec();
        self
    }

    /// Ours may be so many times slower in the last setting than in the first.
    #[must_use]
    pub fn growth(mut self, growth: f64) -> Self {
        self.growth = Some(growth);
        self
    }

    /// Beside this one, than which ours must be so many times faster in each setting.
    #[must_use]
    pub fn rival(mut self, job: Arc<dyn Job>, asked: &[Option<f64>]) -> Self {
        self.rivals.push(Rival { job, asked: asked.to_vec() });
        self
    }

    /// Beside what the machine can do: whatever goes up and down again on memory costs
    /// two plain additions to thread-local memory. Says how far a bound can be from that.
    #[must_use]
    pub fn floor(self) -> Self {
        thread_local! {
            static WORD: Cell<u64> = const { Cell::new(0) };
        }
        let floor = job("floor: two plain adds, thread-local", |_| {
            WORD.with(|word| raw::plain_add(word, 1));
            WORD.with(|word| raw::plain_add(word, 1_u64.wrapping_neg()));
        });
        self.rival(floor, &[])
    }
}

impl fmt::Debug for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rival").field(&self.job.name()).finish()
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.name).field(&self.rivals).finish()
    }
}

/// One operation of one contender.
struct Once<F> {
    name: &'static str,
    operation: F,
}

impl<F: Fn(u64) + Send + Sync> Job for Once<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&self, _: usize, ops: u64) {
        for turn in 0..ops {
            (self.operation)(turn);
        }
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn step(&self) -> u64 {
        0
    }
}

/// `operation` is given the number of its turn.
pub fn job(name: &'static str, operation: impl Fn(u64) + Send + Sync + 'static) -> Arc<dyn Job> {
    Arc::new(Once { name, operation })
}
