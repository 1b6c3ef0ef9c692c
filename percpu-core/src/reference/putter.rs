//! [`Putter`]: a put by who has a reference beyond doubt.

use super::count::{Count, ONE};
use crate::atomic::{AtomicU64, Ordering, acquire};
use crate::element::Element;
use crate::mutate::mutated;
use crate::switch::Switch;

/// The parts of a [`RawRef`](crate::RawRef) that a put uses.
///
/// Not the whole: as soon as a put is done, another thread may put the last one and
/// free all of it, while this one is still on its way out of functions. These have
/// atomics behind their references and nothing else, of which that is allowed.
pub(super) struct Putter<'a> {
    pub(super) switch: &'a Switch,
    pub(super) words: Element<'a, AtomicU64>,
    pub(super) count: &'a AtomicU64,
}

impl Putter<'_> {
    /// `RawRef::put` of one, for who has it beyond doubt.
    pub(super) fn put_own(self) -> bool {
        self.switch.add(&self.words, 1_u64.wrapping_neg()).is_err() && put_own_shared(self.count)
    }
}

fn put_own_shared(count: &AtomicU64) -> bool {
    // Release: what this one's holder did is done before; partner: the fence below,
    // by whoever puts the last one.
    let released = match mutated("ref_put_relaxed") {
        true => Ordering::Relaxed,
        false => Ordering::Release,
    };
    let old = Count(count.fetch_sub(ONE, released));
    if old.whole() != Some(1) {
        return false;
    }
    if !mutated("ref_last_no_acquire") {
        acquire(|order| count.load(order));
    }
    true
}
