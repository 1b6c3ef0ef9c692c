//! [`Collector`]: a source that keeps what is released.

use core::cell::RefCell;
use core::convert::Infallible;

use super::source::Source;

/// Makes nothing, and keeps what is released for whoever empties magazines.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    items: RefCell<Vec<u64>>,
}

impl Collector {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.borrow().is_empty()
    }

    pub(crate) fn into_items(self) -> Vec<u64> {
        self.items.into_inner()
    }
}

impl Source for Collector {
    type Error = Infallible;

    fn refill(&self, _: &mut [u64]) -> Result<usize, Infallible> {
        unreachable!("only drains have this source")
    }

    fn release(&self, items: &[u64]) {
        self.items.borrow_mut().extend_from_slice(items);
    }
}
