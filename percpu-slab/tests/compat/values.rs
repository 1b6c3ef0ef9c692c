//! Values that are accounted for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// How many values there are, and how many there were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census(Arc<[AtomicUsize; 2]>);

impl Census {
    pub(crate) fn value<T>(&self, inner: T) -> Counted<T> {
        self.0[0].fetch_add(1, SeqCst);
        Counted { inner, census: self.clone() }
    }

    pub(crate) fn made(&self) -> usize {
        self.0[0].load(SeqCst)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.0[1].load(SeqCst)
    }

    pub(crate) fn alive(&self) -> usize {
        self.made() - self.dropped()
    }
}

/// A value that is in a census.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    pub(crate) inner: T,
    census: Census,
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        self.census.0[1].fetch_add(1, SeqCst);
    }
}
