//! What [`Magazines`] do when this CPU's stack does not serve: the depot, the source, a
//! higher limit.

use percpu_core::__raw::mutated;
use percpu_core::atomic::{Ordering, fence};

use super::depot::Depot;
use super::magazine_options::MAX_MAGAZINE;
use super::magazines::{
    DEPOT_GETS, DEPOT_PUTS, GET_MISSES, GETS, Magazines, PUT_MISSES, PUTS, REFILLS, SOURCE_GETS,
    SOURCE_PUTS,
};
use super::source::Source;

impl Magazines {
    #[cold]
    #[inline(never)]
    pub(crate) fn get_slow<S: Source>(&self, source: &S) -> Result<u64, S::Error> {
        self.count(GETS, 1);
        match self.stack().pop_portable() {
            Some(Some(item)) => return Ok(item),
            Some(None) => return self.miss(source),
            None => {}
        }
        // One section tells that it is empty.
        let mut item = [0];
        match self.stack().pop_into(&mut item, 1) {
            Ok(_) => Ok(item[0]),
            Err(_) => self.miss(source),
        }
    }

    #[inline(never)]
    fn miss<S: Source>(&self, source: &S) -> Result<u64, S::Error> {
        self.0.words.at(GET_MISSES).inc();
        self.bring(source)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn put_slow<S: Source>(&self, item: u64, source: &S) {
        self.count(PUTS, 1);
        let put = match self.stack().push_portable(item) {
            Some(put) => put,
            // One section tells that it is full.
            None => self.stack().push_batch(&[item], 1).is_ok(),
        };
        if !put {
            self.overflow(item, source);
        }
    }

    #[inline(never)]
    fn overflow<S: Source>(&self, item: u64, source: &S) {
        let held = Held::new(self, source, core::slice::from_ref(&item));
        self.0.words.at(PUT_MISSES).inc();
        if self.0.words.at(REFILLS).swap(0) == 0 || !self.grow() {
            let mut buffer = [0; MAX_MAGAZINE];
            let magazine = &mut buffer[..self.0.options.magazine];
            if let Ok(count) = self.stack().pop_into(magazine, 1) {
                if mutated("magazines_item_first") {
                    held.put_back();
                    return self.store(&magazine[..count], source);
                }
                self.store(&magazine[..count], source);
            }
        }
        // Last (M2).
        held.put_back();
    }

    /// An item; the others of its magazine are where there is room.
    pub(super) fn bring<S: Source>(&self, source: &S) -> Result<u64, S::Error> {
        self.0.words.at(REFILLS).inc();
        let mut buffer = [0; MAX_MAGAZINE];
        let count = self.refill(&mut buffer[..self.0.options.magazine], source)?;
        let (item, rest) = buffer[..count].split_last().expect("one at least");
        let held = Held::new(self, source, core::slice::from_ref(item));
        self.spread(rest, source);
        held.keep();
        Ok(*item)
    }

    /// Fills `out`, which a magazine fits into; not all of it, but one at least.
    pub(super) fn refill<S: Source>(&self, out: &mut [u64], source: &S) -> Result<usize, S::Error> {
        match self.depot().take(out) {
            0 => {}
            count => {
                self.0.words.at(DEPOT_GETS).inc();
                return Ok(count);
            }
        }
        match source.refill(out) {
            Ok(count) => {
                assert!((1..=out.len()).contains(&count), "a source made {count} of {}", out.len());
                self.0.words.at(SOURCE_GETS).inc();
                Ok(count)
            }
            // Before there is none: what other nodes have.
            Err(error) => {
                match self.0.depots.iter().map(|depot| depot.take(out)).find(|&n| n > 0) {
                    Some(count) => {
                        self.0.words.at(DEPOT_GETS).inc();
                        Ok(count)
                    }
                    None => Err(error),
                }
            }
        }
    }

    /// Puts items of whoever holds one more where there is room.
    fn spread<S: Source>(&self, items: &[u64], source: &S) {
        if items.is_empty() {
            return;
        }
        let pushed = self.stack().push_batch(items, 1).unwrap_or(0);
        if pushed < items.len() {
            self.store(&items[pushed..], source);
        }
    }

    /// Puts at most a magazine of items of whoever holds one more into the depot, or
    /// below.
    fn store<S: Source>(&self, items: &[u64], source: &S) {
        if self.depot().put(items) {
            self.is_used();
            self.0.words.at(DEPOT_PUTS).inc();
            if !self.0.closes {
                return;
            }
            // A light Dekker: the put before the look; in `close` the mark before the
            // look into the depot.
            if !mutated("magazines_no_fence") {
                fence(Ordering::SeqCst);
            }
            if self.0.closed.load(Ordering::Relaxed) && !mutated("magazines_no_look") {
                self.empty_depots(source);
            }
        } else {
            self.release(items, source);
        }
    }

    /// The last that is done with the items: they may have kept all this alive.
    pub(super) fn release<S: Source>(&self, items: &[u64], source: &S) {
        self.0.words.at(SOURCE_PUTS).inc();
        source.release(items);
    }

    /// Lets CPUs keep a magazine more; `false` if they have as many as they may.
    fn grow(&self) -> bool {
        let most = self.stack().capacity();
        self.update_limit(|limit| (limit < most).then(|| limit + self.0.options.magazine))
    }

    /// This node's.
    fn depot(&self) -> &Depot {
        Depot::here(&self.0.depots)
    }

    pub(super) fn empty_depots<S: Source>(&self, source: &S) {
        let mut buffer = [0; MAX_MAGAZINE];
        for depot in &self.0.depots {
            // No more than it has: others may go on putting.
            for _ in 0..depot.capacity() {
                match depot.take(&mut buffer[..self.0.options.magazine]) {
                    0 => break,
                    count => self.release(&buffer[..count], source),
                }
            }
        }
    }
}

/// Items in the hands of a thread in a slow path: put back when this is dropped, as it
/// is if the source panics.
pub(super) struct Held<'a, S: Source> {
    magazines: &'a Magazines,
    source: &'a S,
    items: &'a [u64],
}

impl<'a, S: Source> Held<'a, S> {
    pub(super) fn new(magazines: &'a Magazines, source: &'a S, items: &'a [u64]) -> Self {
        Self { magazines, source, items }
    }

    /// They are the caller's now.
    pub(super) fn keep(mut self) {
        self.items = &[];
    }

    /// Puts them where there is room; those that are left if the source panics, when
    /// `self` is dropped.
    pub(super) fn put_back(mut self) {
        self.put_all();
    }

    fn put_all(&mut self) {
        let (magazines, source, items) = (self.magazines, self.source, &mut self.items);
        // The last one comes last (M2).
        while items.len() > 1 {
            let Ok(count) = magazines.stack().push_batch(&items[..items.len() - 1], 1) else {
                break;
            };
            *items = &items[count..];
        }
        while items.len() > 1 {
            let count = (items.len() - 1).min(magazines.0.options.magazine);
            magazines.0.words.at(PUT_MISSES).add(count as u64);
            let (magazine, rest) = items.split_at(count);
            *items = rest;
            magazines.store(magazine, source);
        }
        if let [item] = core::mem::take(items) {
            if !magazines.stack().push(*item) {
                magazines.release(&[*item], source);
            }
        }
    }
}

impl<S: Source> Drop for Held<'_, S> {
    fn drop(&mut self) {
        self.put_all();
    }
}
