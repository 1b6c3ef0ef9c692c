//! [`Outcomes`]: what a model has seen over all its executions.

use core::fmt::Debug;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Collects what the executions of a model ended in, to assert afterwards that
/// each expected end was reached.
///
/// A model that explores too little passes. This is how it is noticed: say
/// which ends there are, and have them all seen. Keep it in a static.
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
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in expected {
            assert!(
                seen.contains(&outcome),
                "{outcome:?} was never seen, so the model explores too little; seen: {seen:?}"
            );
        }
    }

    /// # Panics
    /// If one of `expected` was never seen, or anything else was.
    pub fn assert_exactly(&self, expected: impl IntoIterator<Item = T>) {
        let expected: BTreeSet<T> = expected.into_iter().collect();
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(*seen, expected, "left: seen, right: expected");
    }
}
