//! Refilling from [`Slabs`]: partial slabs, other nodes' ones, new ones.
//!
//! # Safety
//!
//! Makes slabs in spans that the `Slabs` owns, and lets the constructor of whoever made
//! it run on objects that nobody has.

#![allow(unsafe_code)]

use percpu_core::__raw::mutated;
use percpu_core::atomic::{AtomicUsize, Ordering};

use super::node::Lists;
use super::sizes::SPAN;
use super::slab::Slab;
use super::slabs::Slabs;
use super::source::Source;
use super::span::Span;
use crate::error::Error;

impl Slabs {
    /// This thread's node.
    fn here(&self) -> usize {
        match self.0.numa.nodes {
            1 => 0,
            nodes => (self.0.numa.here)().min(nodes - 1),
        }
    }

    /// Counts up to `wanted` objects that will be out.
    fn reserve(&self, wanted: usize) -> Result<usize, Error> {
        if !self.is_limited() {
            return Ok(wanted);
        }
        let grow = |live: usize| {
            let more = wanted.min(self.0.limit.saturating_sub(live));
            (more > 0).then_some(live + more)
        };
        // Relaxed: a number, and nothing hangs on it.
        match in_one_step(&self.0.live, "slabs_reserve_in_two_steps", grow) {
            Ok(live) => Ok(wanted.min(self.0.limit - live)),
            Err(_) => Err(Error::LimitReached { limit: self.0.limit }),
        }
    }

    /// Lets the making of slabs, and the mapping of spans, fail after so many; for tests.
    #[doc(hidden)]
    pub fn fail_after(&self, slabs: Option<usize>, spans: Option<usize>) {
        for (fault, after) in self.0.faults.iter().zip([slabs, spans]) {
            fault.store(after.map_or(0, |after| after + 1), Ordering::Relaxed);
        }
    }

    fn fails(&self, fault: usize) -> bool {
        match self.0.faults[fault].load(Ordering::Relaxed) {
            0 => false,
            1 => true,
            left => {
                self.0.faults[fault].store(left - 1, Ordering::Relaxed);
                false
            }
        }
    }

    /// Takes objects of slabs that a node has already.
    fn take(&self, lists: &mut Lists, out: &mut [u64]) -> usize {
        let mut got = 0;
        if lists.closed {
            return 0;
        }
        while got < out.len() {
            let Some(slab) = lists.partial.first() else { break };
            let span = slab.span();
            let index = slab.state().index();
            let mut at = got;
            slab.take(out.len() - got, self.0.geometry.objects, |object| {
                out[at] = (span.base() + self.0.geometry.offset_of(index, object)) as u64;
                at += 1;
            });
            got = at;
            if slab.state().in_use() >= self.0.geometry.objects {
                lists.partial.remove(slab);
            }
        }
        got
    }

    /// Makes a slab and takes objects of it.
    fn make(&self, node: usize, out: &mut [u64]) -> Result<usize, Error> {
        self.count_slab()?;
        let made = self.make_slab(node);
        let Some((span, slab, index)) = made? else {
            self.0.slabs.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::LimitReached { limit: 0 });
        };
        if let Some(constructor) = self.0.constructor {
            let unmake = Unmake { slabs: self, node, slab };
            for object in 0..self.0.geometry.objects {
                let address = span.base() + self.0.geometry.offset_of(index, object);
                let object = core::ptr::with_exposed_provenance_mut(address);
                // SAFETY: an object that nobody has; what `new` asks for.
                unsafe { (constructor.call)(object, constructor.context) };
            }
            core::mem::forget(unmake);
        }
        let count = out.len().min(self.0.geometry.objects);
        for (object, out) in out[..count].iter_mut().enumerate() {
            *out = (span.base() + self.0.geometry.offset_of(index, object)) as u64;
        }
        let mut lists = self.node(node).lock();
        if count < self.0.geometry.objects {
            // SAFETY: all of its objects are ours, so nobody else has any.
            unsafe { slab.keep_first(count, self.0.geometry.objects) };
            // SAFETY: a slab is unmapped when it is off the list only.
            unsafe { lists.partial.push_front(slab) };
        }
        Ok(count)
    }

    fn count_slab(&self) -> Result<(), Error> {
        let grow = |slabs| (slabs < self.0.max_slabs).then_some(slabs + 1);
        let objects = self.0.max_slabs.saturating_mul(self.0.geometry.objects);
        // Relaxed: a number, and nothing hangs on it.
        in_one_step(&self.0.slabs, "slabs_count_in_two_steps", grow)
            .map(drop)
            .map_err(|_| Error::LimitReached { limit: objects })
    }

    /// A new slab, all of whose objects are in use; `None` if this is closed.
    fn make_slab(&self, node: usize) -> Result<Option<(Span, Slab, usize)>, Error> {
        let refused = || {
            self.0.slabs.fetch_sub(1, Ordering::Relaxed);
            Error::OutOfMemory { bytes: SPAN }
        };
        if self.fails(0) {
            return Err(refused());
        }
        let mut lists = self.node(node).lock();
        if lists.closed {
            return Ok(None);
        }
        let span = match lists.open.first() {
            Some(span) => span,
            None => {
                let owner = self.0.owner.load(Ordering::Relaxed);
                let bound = self.0.numa.real && self.0.numa.nodes > 1;
                let map = || Span::map(&self.0.geometry, node, bound, owner);
                let span = if self.fails(1) { None } else { map() }.ok_or_else(refused)?;
                // SAFETY: it is unmapped when it is off the list only.
                unsafe { lists.open.push_front(span) };
                span
            }
        };
        let (index, dirty) = span.take().expect("an open span");
        lists.dirty -= usize::from(dirty);
        if span.used() == self.0.geometry.slabs {
            lists.open.remove(span);
            // SAFETY: as above.
            unsafe { lists.full.push_front(span) };
        }
        lists.slabs += 1;
        self.pin();
        // SAFETY: it was free, and the lock is held.
        let slab = unsafe { Slab::make(span, index, &self.0.geometry) };
        Ok(Some((span, slab, index)))
    }

    /// This node's partial slabs, other nodes' if they have more than they keep, new
    /// slabs; and if there is no memory, other nodes' whatever they keep.
    fn fill(&self, refill: &mut Refill<'_>) -> Result<(), Error> {
        let here = self.here();
        refill.got = self.take(&mut self.node(here).lock(), refill.out);
        self.fill_from_others(here, refill, self.0.min_partial);
        while refill.got < refill.out.len() {
            match self.make(here, &mut refill.out[refill.got..]) {
                Ok(count) => refill.got += count,
                Err(error) => {
                    if refill.got == 0 {
                        self.fill_from_others(here, refill, 0);
                    }
                    return if refill.got == 0 { Err(error) } else { Ok(()) };
                }
            }
        }
        Ok(())
    }

    /// Takes objects of nodes that have more partial slabs than `kept`, nearest first.
    fn fill_from_others(&self, here: usize, refill: &mut Refill<'_>, kept: usize) {
        let mut last = (self.distance(here, here), here);
        for _ in 1..self.nodes() {
            if refill.got == refill.out.len() {
                return;
            }
            let far = |node| (self.distance(here, node), node);
            let nodes = (0..self.nodes()).filter(|&node| node != here).map(far);
            let Some(next) = nodes.filter(|&far| far > last || last.1 == here).min() else {
                return;
            };
            last = next;
            // Nobody waits for another node, unless there is nothing else.
            let node = self.node(next.1);
            let lists = if kept > 0 { node.try_lock() } else { Some(node.lock()) };
            if let Some(mut lists) = lists.filter(|lists| lists.partial.len() > kept) {
                refill.got += self.take(&mut lists, &mut refill.out[refill.got..]);
            }
        }
    }

    fn distance(&self, from: usize, to: usize) -> u32 {
        (self.0.numa.distance)(from, to)
    }
}

/// Changes a number as `f` wants, unless `mutation` has it done in two steps.
fn in_one_step(
    number: &AtomicUsize,
    mutation: &str,
    mut f: impl FnMut(usize) -> Option<usize>,
) -> Result<usize, usize> {
    if mutated(mutation) {
        let old = number.load(Ordering::Relaxed);
        number.store(f(old).ok_or(old)?, Ordering::Relaxed);
        return Ok(old);
    }
    number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, f)
}

/// Gives a slab back whose objects could not be made.
struct Unmake<'a> {
    slabs: &'a Slabs,
    node: usize,
    slab: Slab,
}

impl Drop for Unmake<'_> {
    fn drop(&mut self) {
        let span = self.slabs.discard(&mut self.slabs.node(self.node).lock(), self.slab);
        Slabs::unmap(span);
        // It is open still, as it is being asked for objects.
        let _ = self.slabs.unpin(1);
    }
}

/// Objects of a refill on their way; frees them if a constructor panics.
struct Refill<'a> {
    slabs: &'a Slabs,
    out: &'a mut [u64],
    got: usize,
    done: bool,
}

impl Drop for Refill<'_> {
    fn drop(&mut self) {
        let kept = if self.done { self.got } else { 0 };
        self.slabs.unreserve(self.out.len() - self.got);
        if kept < self.got {
            let _ = self.slabs.free(&self.out[..self.got]);
        }
    }
}

impl Source for Slabs {
    type Error = Error;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Error> {
        if out.is_empty() {
            return Ok(0);
        }
        let wanted = self.reserve(out.len())?;
        let mut refill = Refill { slabs: self, out: &mut out[..wanted], got: 0, done: false };
        self.fill(&mut refill)?;
        refill.done = true;
        Ok(refill.got)
    }

    /// Whoever closes the `Slabs` calls [`free`](Slabs::free) instead, to be told of the
    /// end.
    fn release(&self, items: &[u64]) {
        let _ = self.free(items);
    }
}
