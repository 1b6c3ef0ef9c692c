//! [`State`]: what is known of every object, beside the objects.
//!
//! The kernel keeps an object's tracks behind the object, and the pointer to the next
//! free object in it. Here both are elsewhere, where whoever writes beyond an object
//! does not come: what is told about a corruption was not overwritten by it.
//!
//! # Invariants
//! - R1: an object is known from when the slabs gave it until they got it back.
//! - R2: the chain has free objects, each once, the oldest first; `in_use` is how many
//!   others there are. Where that does not hold, `check_chain` says so and sees to it.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Action, Corruption, Kind, Track};

/// Corruptions that are kept for the next report.
const KEPT: usize = 256;

/// What an object is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Live,
    /// Its value is being dropped.
    Freeing,
    Free,
    /// Never handed out again.
    Frozen,
}

/// What is known of an object.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) doing: Doing,
    /// As many as were asked for.
    pub(crate) bytes: usize,
    pub(crate) allocated: Track,
    pub(crate) freed: Option<Track>,
    /// The next free object; 0 is none.
    next: usize,
}

/// All objects of a cache by address, the free ones in a chain, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct State {
    objects: BTreeMap<usize, Record>,
    /// First and last of the chain; 0 is none.
    first: usize,
    last: usize,
    in_use: usize,
    sequence: u64,
    kept: Vec<Corruption>,
    untold: u64,
    total: u64,
    pub(crate) closed: bool,
}

impl State {
    /// The next operation's number.
    pub(crate) fn sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(crate) fn get(&self, object: usize) -> Option<&Record> {
        self.objects.get(&object)
    }

    pub(crate) fn get_mut(&mut self, object: usize) -> Option<&mut Record> {
        self.objects.get_mut(&object)
    }

    /// The object that begins last at `address` or before it.
    pub(crate) fn before(&self, address: usize) -> Option<usize> {
        self.objects.range(..=address).next_back().map(|(&object, _)| object)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Record)> {
        self.objects.iter().map(|(&object, record)| (object, record))
    }

    /// How many objects are in the chain.
    pub(crate) fn free(&self) -> usize {
        self.objects.len().saturating_sub(self.in_use)
    }

    /// An object that the slabs gave, and somebody got.
    pub(crate) fn admit(&mut self, object: usize, bytes: usize, allocated: Track) {
        let record = Record { doing: Doing::Live, bytes, allocated, freed: None, next: 0 };
        let known = self.objects.insert(object, record);
        debug_assert!(known.is_none(), "{object:#x} was given twice");
        self.in_use += 1;
    }

    /// An object in use that goes back to the slabs.
    pub(crate) fn dismiss(&mut self, object: usize) {
        self.objects.remove(&object);
        self.in_use -= 1;
    }

    /// Puts an object at the end of the chain.
    pub(crate) fn push(&mut self, object: usize) {
        match self.objects.get_mut(&self.last) {
            Some(last) => last.next = object,
            None => self.first = object,
        }
        let record = self.objects.get_mut(&object).expect("it was in use");
        (record.doing, record.next) = (Doing::Free, 0);
        self.last = object;
        self.in_use -= 1;
    }

    /// Takes the first object out of the chain. It is painted as a free one still: the
    /// caller says what it does from now on.
    pub(crate) fn pop(&mut self, found: &mut Vec<Corruption>) -> Option<usize> {
        let object = self.first;
        let next = self.objects.get(&object)?.next;
        if next != 0 && !self.is_free(next) {
            found.push(self.cut(object, next));
        }
        let record = self.objects.get_mut(&object)?;
        self.first = core::mem::take(&mut record.next);
        if self.first == 0 {
            self.last = 0;
        }
        self.in_use += 1;
        Some(object)
    }

    fn is_free(&self, object: usize) -> bool {
        self.get(object).is_some_and(|record| record.doing == Doing::Free)
    }

    /// Ends the chain behind `object`, whose link led to `next`.
    fn cut(&mut self, object: usize, next: usize) -> Corruption {
        let mut corruption = Corruption::new(Kind::FreeChain, object, Action::Cut);
        corruption.found = next as u64;
        self.last = object;
        match self.objects.get_mut(&object) {
            Some(record) => {
                record.next = 0;
                corruption.allocated_at = Some(record.allocated);
                corruption.freed_at = record.freed;
            }
            None => self.first = 0,
        }
        corruption
    }

    /// Goes along the chain, and sees to it that R2 holds.
    pub(crate) fn check_chain(&mut self, found: &mut Vec<Corruption>) {
        let mut met = BTreeSet::new();
        let (mut before, mut at) = (0, self.first);
        while at != 0 {
            if !self.is_free(at) || !met.insert(at) {
                found.push(self.cut(before, at));
                break;
            }
            before = at;
            at = self.get(at).map_or(0, |record| record.next);
        }
        self.last = before;
        let in_use = self.objects.len() - met.len();
        if in_use != self.in_use {
            let mut corruption = Corruption::new(Kind::ObjectCount, 0, Action::Repaired);
            corruption.expected = self.in_use as u64;
            corruption.found = in_use as u64;
            found.push(corruption);
            self.in_use = in_use;
        }
    }

    /// Changes where the chain goes after a free object; returns where it went.
    #[cfg(all(test, not(percpu_loom)))]
    pub(crate) fn relink(&mut self, object: usize, next: usize) -> Option<usize> {
        self.get_mut(object).map(|record| core::mem::replace(&mut record.next, next))
    }

    /// Counts what was found.
    pub(crate) fn count(&mut self, found: &[Corruption]) {
        self.total += found.len() as u64;
    }

    /// Counts what was found, and keeps it for the next report.
    pub(crate) fn keep(&mut self, found: &[Corruption]) {
        self.count(found);
        let room = (KEPT - self.kept.len()).min(found.len());
        self.kept.extend_from_slice(&found[..room]);
        self.untold += (found.len() - room) as u64;
    }

    /// What was kept, and how many more there were.
    pub(crate) fn take_kept(&mut self) -> (Vec<Corruption>, u64) {
        (core::mem::take(&mut self.kept), core::mem::take(&mut self.untold))
    }

    /// How many corruptions there were.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}
