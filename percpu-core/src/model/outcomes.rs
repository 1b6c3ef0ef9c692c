//! [`Outcomes`]: what a model has seen over all its executions.

use core::fmt::Debug;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Collects what the executions of a model ended in, to assert afterwards that
/// each expected end was reached.
///
/// A model that explores too little passes. This is how it is noticed: say
/// which ends there are, and have them all seen. Keep it in a static.
///
/// Executions that are drawn need not come by what is rare. So under shuttle an end that
/// was never seen is told and passes, if another was; one that is not expected fails.
#[derive(Debug, Default)]
pub struct Outcomes<T>(Mutex<BTreeSet<T>>);

impl<T> Outcomes<T> {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeSet::new()))
    }
}

impl<T: Ord + Debug> Outcomes<T> {
    /// An execution ended in `outcome`.
    pub fn saw(&self, outcome: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(outcome);
    }

    /// Whether an execution ended in `outcome`.
    pub fn has_seen(&self, outcome: &T) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(outcome)
    }

    /// # Panics
    /// If one of `expected` was never seen.
    pub fn assert_seen(&self, expected: impl IntoIterator<Item = T>) {
        let expected: BTreeSet<T> = expected.into_iter().collect();
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missed: Vec<_> = expected.difference(&seen).collect();
        if cfg!(any(percpu_shuttle, percpu_plain)) && missed.len() < expected.len() {
            if !missed.is_empty() {
                println!("percpu model: never drawn: {missed:?}");
            }
            return;
        }
        assert!(
            missed.is_empty(),
            "{missed:?} was never seen, so the model explores too little; seen: {seen:?}"
        );
    }

    /// # Panics
    /// If one of `expected` was never seen, or anything else was.
    pub fn assert_exactly(&self, expected: impl IntoIterator<Item = T>) {
        let expected: Vec<T> = expected.into_iter().collect();
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let beside: Vec<_> = seen.iter().filter(|outcome| !expected.contains(outcome)).collect();
        assert!(beside.is_empty(), "{beside:?} was seen, and not expected: {expected:?}");
        drop(seen);
        self.assert_seen(expected);
    }
}
