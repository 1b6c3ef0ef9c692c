//! [`Rebased`]: words whose sum counts from a base that may be moved.
//!
//! # Resetting without touching the copies
//! A remote swap of a copy would race with its CPU's plain adds and lose some.
//! So nobody but its own CPU writes a copy, and a reset moves the base instead:
//!
//! ```text
//!   value = raw sum of the copies - base          (both wrapping)
//!   sum:   lock;  result = raw sum - base;                     unlock
//!   take:  lock;  s = raw sum;  result = s - base;  base = s;  unlock
//!   set v: lock;  base = raw sum - v;                          unlock
//!   raise: lock;  base = raw sum - v, if the value is below v; unlock
//! ```
//! An add is in the raw sum that saw it and in every later one, so it is taken
//! once: by the first `take` whose raw sum saw it. For `set` it came before if the
//! raw sum saw it, and otherwise after.

use percpu_core::__private::mutated;
use percpu_core::{Copies, IntWord, Word};

use crate::base::Base;
use crate::storage::Storage;

#[derive(Debug)]
pub(crate) struct Rebased<V: 'static, S> {
    words: S,
    base: Base<V>,
}

impl<V, S> Rebased<V, S> {
    pub(crate) const fn new(words: S, base: Base<V>) -> Self {
        Self { words, base }
    }
}

/// What the words of `S` hold.
type Value<S> = <<S as Storage>::Item as Word>::Value;

impl<S: Storage<Item: IntWord>> Rebased<Value<S>, S> {
    #[inline(always)]
    pub(crate) fn words(&self) -> &Copies<S::Item> {
        self.words.copies()
    }

    pub(crate) fn storage(&self) -> &S {
        &self.words
    }

    fn minus(a: Value<S>, b: Value<S>) -> Value<S> {
        <S::Item>::plus(a, <S::Item>::negate(b))
    }

    pub(crate) fn sum(&self) -> Value<S> {
        let early = mutated("sum_before_the_lock").then(|| self.words().sum());
        let base = self.base.lock();
        Self::minus(early.unwrap_or_else(|| self.words().sum()), *base)
    }

    pub(crate) fn take(&self) -> Value<S> {
        let mut base = self.base.lock();
        let raw = self.words().sum();
        let taken = Self::minus(raw, *base);
        *base = if mutated("take_sums_twice") { self.words().sum() } else { raw };
        taken
    }

    pub(crate) fn set(&self, value: Value<S>) {
        let mut base = self.base.lock();
        *base = Self::minus(self.words().sum(), value);
    }

    #[cfg(any(feature = "metrics", feature = "prometheus", feature = "prometheus-client"))]
    pub(crate) fn raise(&self, at_least: Value<S>)
    where
        Value<S>: PartialOrd,
    {
        let mut base = self.base.lock();
        let raw = self.words().sum();
        if Self::minus(raw, *base) < at_least {
            *base = Self::minus(raw, at_least);
        }
    }
}
