//! What else people keep free objects in: a queue, a stash of each thread.

use std::cell::RefCell;

use crossbeam_queue::ArrayQueue;

/// What is kept.
pub(crate) type Buffer = Box<[u8; 256]>;

fn fresh() -> Buffer {
    Box::new([0; 256])
}

/// A bounded queue for all threads.
pub(crate) struct Queue(ArrayQueue<Buffer>);

impl Queue {
    pub(crate) fn new() -> Self {
        Self(ArrayQueue::new(1024))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Buffer {
        self.0.pop().unwrap_or_else(fresh)
    }

    #[inline(always)]
    pub(crate) fn put(&self, buffer: Buffer) {
        let _ = self.0.push(buffer);
    }
}

thread_local! {
    static STASH: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

/// A vector of each thread's.
pub(crate) struct Stash;

impl Stash {
    #[inline(always)]
    pub(crate) fn get(&self) -> Buffer {
        STASH.with(|stash| stash.borrow_mut().pop()).unwrap_or_else(fresh)
    }

    #[inline(always)]
    pub(crate) fn put(&self, buffer: Buffer) {
        STASH.with(|stash| stash.borrow_mut().push(buffer));
    }
}
