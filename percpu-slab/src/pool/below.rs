//! [`Below`]: the source below a pool's magazines, for one call.
//!
//! The user's code, constructors and destructors, is not run while the magazines are
//! in the middle of something: a constructor that panics becomes an error, and what
//! was released is dropped when the magazines have returned. So a constructor or a
//! destructor may use the pool, and may panic.
//!
//! # Safety
//!
//! Takes items for values that the magazines released.

#![allow(unsafe_code)]

use core::any::Any;
use core::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::values::{Values, into_item};
use crate::error::Error;
use crate::raw::Source;

/// Why there is no item.
pub(crate) enum Fault {
    Error(Error),
    /// The constructor panicked.
    Panic(Box<dyn Any + Send>),
}

/// Makes values one at a time, and keeps those that are released until it is dropped,
/// which drops them.
pub(crate) struct Below<'a, T> {
    values: &'a Values<T>,
    /// INVARIANT: items of values that nobody else has (V1).
    released: RefCell<Vec<u64>>,
}

impl<'a, T> Below<'a, T> {
    pub(crate) fn new(values: &'a Values<T>) -> Self {
        Self { values, released: RefCell::new(Vec::new()) }
    }

    /// A new value.
    pub(crate) fn make(&self) -> Result<u64, Fault> {
        // Unwind safe: only the user's constructor can panic, and nothing of this
        // crate's was changed then.
        match catch_unwind(AssertUnwindSafe(|| self.values.make())) {
            Ok(Ok(value)) => Ok(into_item(value)),
            Ok(Err(error)) => Err(Fault::Error(error)),
            Err(panic) => Err(Fault::Panic(panic)),
        }
    }

    /// How many values were released.
    pub(crate) fn released(&self) -> usize {
        self.released.borrow().len()
    }

    /// Those, which are not to be dropped then.
    pub(crate) fn take(&self) -> Vec<u64> {
        self.released.take()
    }
}

impl<T> Source for Below<'_, T> {
    type Error = Fault;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Fault> {
        // One: a value may be dear, and nobody has asked for more.
        out[0] = self.make()?;
        Ok(1)
    }

    fn release(&self, items: &[u64]) {
        self.released.borrow_mut().extend_from_slice(items);
    }
}

impl<T> Drop for Below<'_, T> {
    fn drop(&mut self) {
        let released = self.released.take();
        // SAFETY: the field's invariant; they have been taken out of it.
        unsafe { self.values.discard_items(&released) };
    }
}
