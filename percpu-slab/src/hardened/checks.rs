//! [`Checks`]: what stands between a hardened cache and its slabs.
//!
//! Each allocation and each free comes here and is checked; magazines keep nothing. A
//! free object is not handed out again before some others were freed, so that who
//! writes to it late is found. It goes back to the slabs when the cache shrinks or
//! ends.
//!
//! # Safety
//! The source is the cache's slabs: what it gives is a place of this shape, with
//! exposed provenance, which is ours until it is released. Zones are looked at under
//! the state's lock. Whoever has an object in use has the bytes that they asked for,
//! and no zone.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;
use std::sync::Arc;

use percpu_core::__raw::{Mutex, mutated};

use super::memory;
use super::registry;
use super::report::{Action, Corruption, Kind, Report, Track};
use super::shape::{Damage, Shape, Use, Zone};
use super::state::{Doing, State};
use crate::error::Error;
use crate::raw::{Hooks, Site, Source};
use crate::trace;

/// Free objects that are not handed out again as long as the slabs have others.
const RESTING: usize = 16;

/// What is to be told of every corruption.
pub(crate) type Callback = Arc<dyn Fn(&Corruption) + Send + Sync>;

/// What stands between a hardened cache and its slabs.
pub(crate) struct Checks {
    shape: Shape,
    state: Arc<Mutex<State>>,
    callback: Option<Callback>,
}

impl Checks {
    /// Checks of a cache that has no object yet.
    pub(crate) fn new(shape: Shape, callback: Option<Callback>) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        registry::add(&state);
        Self { shape, state, callback }
    }

    /// An object for `bytes` bytes, at most those of the layout.
    ///
    /// # Errors
    /// The source's.
    pub(crate) fn get<S: Source + ?Sized>(
        &self,
        bytes: usize,
        site: Site,
        source: &S,
    ) -> Result<u64, S::Error> {
        let bytes = bytes.min(self.shape.size());
        if let Some(object) = self.reuse(RESTING, bytes, site) {
            return Ok(object);
        }
        let mut item = [0];
        match source.refill(&mut item) {
            Ok(_) => Ok(self.admit(item[0] as usize, bytes, site)),
            Err(error) => self.reuse(0, bytes, site).ok_or(error),
        }
    }

    /// The oldest free object, if there are more than `but`.
    fn reuse(&self, but: usize, bytes: usize, site: Site) -> Option<u64> {
        let mut found = Vec::new();
        let mut state = self.state.lock();
        let mut object = None;
        while object.is_none() && state.free() > but {
            let Some(candidate) = state.pop(&mut found) else {
                // Free ones that the chain does not lead to.
                state.check_chain(&mut found);
                continue;
            };
            let before = found.len();
            self.repair(&state, candidate, Action::Frozen, &mut found);
            let track = track(&mut state, site);
            let record = state.get_mut(candidate).expect("it was in the chain");
            if found.len() > before {
                record.doing = Doing::Frozen;
            } else {
                (record.doing, record.bytes, record.allocated) = (Doing::Live, bytes, track);
                self.paint(candidate, Use::Live(bytes));
                object = Some(candidate as u64);
            }
            found[before..].iter_mut().for_each(|corruption| corruption.found_at = Some(track));
        }
        state.keep(&found);
        drop(state);
        self.tell(&found);
        object
    }

    /// Hands out a place that the slabs gave.
    fn admit(&self, place: usize, bytes: usize, site: Site) -> u64 {
        let object = place + self.shape.object();
        let mut state = self.state.lock();
        let track = track(&mut state, site);
        self.paint(object, Use::Free);
        self.paint(object, Use::Live(bytes));
        state.admit(object, bytes, track);
        object as u64
    }

    /// Whether this is an object in use, which from now on is being freed: whoever is
    /// told so may drop its value, and has to call [`put`](Self::put). Anything else
    /// is told and counted.
    pub(crate) fn claim(&self, object: u64, site: Site) -> bool {
        let object = object as usize;
        let mut state = self.state.lock();
        let track = track(&mut state, site);
        let was_live = mutated("checks_claim_in_two_steps")
            && state.get(object).is_some_and(|record| record.doing == Doing::Live);
        if was_live {
            drop(state);
            state = self.state.lock();
        }
        let kind = match state.get_mut(object) {
            Some(record) if record.doing == Doing::Live || was_live => {
                record.doing = Doing::Freeing;
                record.freed = Some(track);
                return true;
            }
            Some(_) => Kind::DoubleFree,
            None => match self.around(&state, object) {
                Some(_) => Kind::MisalignedFree,
                None => Kind::ForeignFree,
            },
        };
        let mut corruption = Corruption::new(kind, object, Action::Refused);
        corruption.found_at = Some(track);
        if let Some((around, offset)) = self.around(&state, object) {
            let record = state.get(around).expect("it is known");
            corruption.allocated_at = Some(record.allocated);
            corruption.freed_at = record.freed;
            corruption.offset = offset;
        }
        drop(state);
        if kind == Kind::ForeignFree && registry::is_of_another(object, &self.state) {
            corruption.kind = Kind::WrongCache;
        }
        let found = [corruption];
        self.state.lock().keep(&found);
        self.tell(&found);
        false
    }

    /// The object whose place has this address, and how far behind its beginning that
    /// is.
    fn around(&self, state: &State, address: usize) -> Option<(usize, isize)> {
        let object = state.before(address.saturating_add(self.shape.object()))?;
        let (start, size) = (object - self.shape.object(), self.shape.place().size());
        (start..start + size)
            .contains(&address)
            .then(|| (object, address.wrapping_sub(object).cast_signed()))
    }

    /// Takes back an object that was claimed. Its last bytes are looked at now. The
    /// source's `release` may come last: see [`Source`].
    pub(crate) fn put<S: Source + ?Sized>(&self, object: u64, source: &S) {
        let object = object as usize;
        let mut found = Vec::new();
        let mut state = self.state.lock();
        self.repair(&state, object, Action::Frozen, &mut found);
        let closed = state.closed && !mutated("checks_forget_the_close");
        let record = state.get_mut(object).expect("it was claimed");
        found.iter_mut().for_each(|corruption| corruption.found_at = record.freed);
        let mut gone = false;
        if !found.is_empty() {
            record.doing = Doing::Frozen;
        } else if closed {
            state.dismiss(object);
            gone = true;
        } else {
            self.paint(object, Use::Free);
            state.push(object);
        }
        state.keep(&found);
        drop(state);
        self.tell(&found);
        if gone {
            source.release(&[(object - self.shape.object()) as u64]);
        }
    }

    /// Gives the free objects that are sound to the source; with `close` also those
    /// that are freed later.
    pub(crate) fn flush<S: Source + ?Sized>(&self, close: bool, source: &S) {
        let mut found = Vec::new();
        let mut places = Vec::new();
        let mut state = self.state.lock();
        state.closed |= close;
        while let Some(object) = state.pop(&mut found) {
            let before = found.len();
            self.repair(&state, object, Action::Frozen, &mut found);
            if found.len() > before {
                state.get_mut(object).expect("it was in the chain").doing = Doing::Frozen;
            } else {
                state.dismiss(object);
                places.push((object - self.shape.object()) as u64);
            }
        }
        state.keep(&found);
        drop(state);
        self.tell(&found);
        if !places.is_empty() {
            source.release(&places);
        }
    }

    /// Looks at every object; what is wrong is repaired.
    pub(crate) fn validate(&self) -> Report {
        let mut found = Vec::new();
        let mut state = self.state.lock();
        let mut report = Report::default();
        for (object, record) in state.iter() {
            match record.doing {
                Doing::Frozen => report.frozen += 1,
                Doing::Live | Doing::Freeing => report.live += 1,
                Doing::Free => {}
            }
            if record.doing != Doing::Frozen {
                self.repair(&state, object, Action::Repaired, &mut found);
            }
        }
        state.check_chain(&mut found);
        report.free = state.free();
        let (mut kept, untold) = state.take_kept();
        state.count(&found);
        report.total = state.total();
        drop(state);
        self.tell(&found);
        kept.append(&mut found);
        (report.corruptions, report.untold) = (kept, untold);
        report
    }

    /// The objects in use, each as a leak.
    pub(crate) fn leaks(&self) -> Vec<Corruption> {
        let state = self.state.lock();
        let live = state.iter().filter(|(_, record)| record.doing == Doing::Live);
        live.map(|(object, record)| {
            let mut leak = Corruption::new(Kind::Leak, object, Action::Leaked);
            leak.allocated_at = Some(record.allocated);
            leak.freed_at = record.freed;
            leak
        })
        .collect()
    }

    /// Free objects that are kept here.
    pub(crate) fn free(&self) -> usize {
        self.state.lock().free()
    }

    /// How many corruptions there were.
    pub(crate) fn total(&self) -> u64 {
        self.state.lock().total()
    }

    /// Changes where the chain goes after a free object, for tests; returns where it
    /// went.
    #[cfg(all(test, not(percpu_loom)))]
    pub(crate) fn relink(&self, object: usize, next: usize) -> Option<usize> {
        self.state.lock().relink(object, next)
    }

    fn paint(&self, object: usize, state: Use) {
        // SAFETY: an object that the slabs gave; in use it is about to be handed out,
        // free it is nobody's. The caller has the lock.
        unsafe { memory::paint(&self.shape, object - self.shape.object(), state) };
    }

    /// Looks at the zones of an object that is known, and paints over what is wrong.
    fn repair(&self, state: &State, object: usize, action: Action, found: &mut Vec<Corruption>) {
        let Some(record) = state.get(object) else { return };
        let painted = match record.doing {
            Doing::Free => Use::Free,
            _ => Use::Live(record.bytes),
        };
        let place = object - self.shape.object();
        let told = |zone: &Zone, damage: Damage| {
            let mut corruption = Corruption::new(zone.kind, object, action);
            let at = zone.range.start + damage.first;
            corruption.offset = at.wrapping_sub(self.shape.object()).cast_signed();
            corruption.len = damage.len;
            corruption.expected = zone.byte.into();
            corruption.found = damage.found.into();
            corruption.allocated_at = Some(record.allocated);
            corruption.freed_at = record.freed;
            found.push(corruption);
        };
        // SAFETY: an object that the slabs gave, painted in this state when it came
        // into it; the lock is held, as `state` shows.
        unsafe { memory::repair(&self.shape, place, painted, told) };
    }

    /// Tells who wants to know, outside of the lock.
    fn tell(&self, found: &[Corruption]) {
        for corruption in found {
            trace::corruption(corruption);
            if let Some(callback) = &self.callback {
                callback(corruption);
            }
        }
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks")
            .field("shape", &self.shape)
            .field("free", &self.free())
            .field("corruptions", &self.total())
            .finish_non_exhaustive()
    }
}

// SAFETY: `get` gives an object of a place that the source gave just now, or of one that
// `put` got and that was not released (R1 of `state.rs`): once, as the state says under
// its lock. `paint` and `repair` touch zones only, which are no bytes that were asked
// for (S1 of `shape.rs`).
unsafe impl Hooks for Checks {
    fn place(&self, _layout: Layout) -> Layout {
        self.shape.place()
    }

    fn get(
        &self,
        bytes: usize,
        site: Site,
        source: &dyn Source<Error = Error>,
    ) -> Result<u64, Error> {
        self.get(bytes, site, source)
    }

    fn claim(&self, object: u64, site: Site) -> bool {
        self.claim(object, site)
    }

    fn put(&self, object: u64, source: &dyn Source<Error = Error>) {
        self.put(object, source);
    }

    fn flush(&self, close: bool, source: &dyn Source<Error = Error>) {
        self.flush(close, source);
    }

    fn kept(&self) -> usize {
        self.free()
    }

    fn validate(&self) -> Report {
        self.validate()
    }

    fn leaks(&self) -> Vec<Corruption> {
        self.leaks()
    }
}

/// This operation's.
fn track(state: &mut State, site: Site) -> Track {
    Track { site, thread: memory::thread(), sequence: state.sequence() }
}

#[cfg(all(test, not(percpu_loom)))]
#[path = "checks_tests.rs"]
mod tests;
