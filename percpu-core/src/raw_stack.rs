//! [`RawStack`]: a bounded stack of 64-bit words on every unit.
//!
//! # Why
//! What a CPU hands out again soon is best kept by that CPU: the magazines of an
//! object cache, buffers, identifiers. [`PerCpuStack`](crate::PerCpuStack) is
//! this with types; an object cache builds on this one.
//!
//! # Words
//! Of each unit (`stack_copy.rs` has the drawing), and one limit for all:
//!
//! | word | on a unit with sections | elsewhere |
//! | --- | --- | --- |
//! | `word`: length | by sections; by a drain that stopped the unit | by whoever holds the lock |
//! | `word`: `STOPPED` | the drain, who owns `drains` | a lock, tried once by operations |
//! | slots | as the length; above it anything | as the length |
//! | `limit` | by anybody, at any time | the same |
//!
//! ```text
//!   push:   n = word  n < limit, so not stopped   slot[n] = item   COMMIT word = n + 1
//!   pop:    n = word  n > 0, signed, so not either  item = slot[n - 1]  COMMIT word = n - 1
//!   drain:  lock drains
//!           word |= STOPPED
//!           fence(unit);  word |= STOPPED  until it was there all the time
//!           take all;  word &= !STOPPED
//!   close:  lock drains;  limit = 0;  as drain, all units, and for ever
//! ```
//! One word, so that a section asks one question of one load. It pays with a mark that
//! is lost when a section that had not seen it commits over it: hence "until".
//!
//! # Invariants
//! - D1: while a drain has stopped a unit nobody else changes the unit's stack. The
//!   mark was still there after a fence that came after it. A section that had loaded
//!   the word without it either committed before the fence ended, and then the mark
//!   would be gone, or restarted, and then it sees the mark and leaves.
//! - D2: the mark comes and goes by atomic instructions on the whole word, so none of
//!   them undoes a commit, also if the fence was refused and sections go on.
//! - D3: what is below `len` was put there by a push and has not come out.
//! - D4: once `close` has returned nothing is pushed. Where sections ran they are
//!   stopped, and stay so. A unit that becomes active later does so after `close` has
//!   passed the units' lock, so whoever pushes there loads a limit of 0: inside its
//!   section, after the unit's base; or with the unit's lock.
//! - D5: a push may give up what keeps the stack alive: whoever takes the item may drop
//!   the stack before the push has returned. So a push touches nothing of it after its
//!   commit, or the unlock, and no byte of it is frozen (`unfrozen.rs`).
//!
//! # Orderings
//! - Pushed on a unit, popped on it: the same CPU, or the unit's lock.
//! - Pushed, drained: the fence, or the unit's lock.
//! - Drained, next operation: `word` by Release, so that what the drain loaded from
//!   slots is loaded before a section may store there; the section's load of the word
//!   comes first by its dependencies.
//! - `limit`: Relaxed; `close` has the fence, the units' lock and each unit's lock.

use core::cell::RefCell;
use core::fmt;
use core::mem::MaybeUninit;

use crate::atomic::Ordering;
use crate::error::Error;
use crate::fence;
use crate::index::Index;
use crate::inject::{self, Point};
use crate::mutate::{mutated, order};
use crate::ops::{self, Refused};
use crate::process;
use crate::stack_area::StackArea;
use crate::stack_copy::{STOPPED, StackPlace, StackRef};
use crate::stack_word::as_uninit;
use crate::sys::nesting;
use crate::sys::sync::Mutex;
use crate::unfrozen::Unfrozen;
use crate::unit::Unit;

/// A bounded stack of 64-bit words on every unit.
///
/// The operations are this CPU's, never wait, and may be used in a signal
/// handler. Those on many items say why they did nothing: [`Refused`].
pub struct RawStack(pub(crate) Unfrozen<Parts>);

/// Of a stack (D5).
pub(crate) struct Parts {
    pub(crate) area: StackArea,
    /// One drain at a time. Whether it is closed: then each unit with sections that
    /// may have items is stopped.
    drains: Mutex<bool>,
}

impl RawStack {
    /// Empty stacks of `capacity` items.
    ///
    /// # Errors
    /// As [`PerCpu::zeroed`](crate::PerCpu::zeroed), for `8 * capacity + 8` bytes.
    pub fn with_capacity(capacity: usize) -> Result<Self, Error> {
        let parts = Parts { area: StackArea::new(capacity)?, drains: Mutex::new(false) };
        Ok(Self(Unfrozen::new(parts)))
    }

    /// How many items a unit's stack can hold.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.0.area.capacity() as usize
    }

    /// How many items a unit's stack may have now: the capacity, unless it was set.
    #[inline]
    pub fn limit(&self) -> usize {
        self.0.area.limit() as usize
    }

    /// Lets units have as many items as `f` makes of the limit, and no more than the
    /// capacity. Items that are above it stay. `false` if `f` wants nothing changed.
    pub fn update_limit(&self, f: impl Fn(usize) -> Option<usize>) -> bool {
        let update = |limit| f(limit as usize).map(|limit| limit as u64);
        self.0.area.update_limit(update).is_some()
    }

    /// Puts an item on top, if there is room; whether it did.
    #[inline(always)]
    pub fn push(&self, bits: u64) -> bool {
        self.try_push(bits) || self.push_cold(bits)
    }

    /// As [`push`](Self::push), by the one section that serves most, for who has
    /// something else to do in a cold function of its own if that did not.
    #[inline(always)]
    pub fn try_push(&self, bits: u64) -> bool {
        inject::around(|| ops::stack::push(self.0.area.place(), bits, Index::Cpu))
    }

    #[cold]
    #[inline(never)]
    fn push_cold(&self, bits: u64) -> bool {
        match self.push_portable(bits) {
            Some(pushed) => pushed,
            None => self.push_batch_cold(&[bits], 1).is_ok(),
        }
    }

    /// As [`push`](Self::push), for who knows that [`try_push`](Self::try_push) did not:
    /// in portable mode, if this thread was here before; else `None`.
    #[inline]
    pub fn push_portable(&self, bits: u64) -> Option<bool> {
        self.0.area.admitted().map(|stack| ops::portable_stack::push(stack, bits).is_ok())
    }

    /// Takes the item on top, if there is one.
    #[inline(always)]
    pub fn pop(&self) -> Option<u64> {
        match self.try_pop() {
            Some(bits) => Some(bits),
            None => self.pop_cold(),
        }
    }

    /// As [`pop`](Self::pop), like [`try_push`](Self::try_push).
    #[inline(always)]
    pub fn try_pop(&self) -> Option<u64> {
        inject::around(|| ops::stack::pop(self.0.area.place(), Index::Cpu))
    }

    #[cold]
    #[inline(never)]
    fn pop_cold(&self) -> Option<u64> {
        if let Some(popped) = self.pop_portable() {
            return popped;
        }
        let mut bits = [0];
        self.pop_batch_cold(as_uninit(&mut bits), 1).ok().map(|_| bits[0])
    }

    /// As [`push_portable`](Self::push_portable).
    #[inline]
    pub fn pop_portable(&self) -> Option<Option<u64>> {
        self.0.area.admitted().map(|stack| ops::portable_stack::pop(stack).ok())
    }

    /// Puts `items` on top in one commit, the last one topmost; from the first
    /// on as many as there is room for, if these are at least `least`. Never more
    /// than 64.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline]
    pub fn push_batch(&self, items: &[u64], least: usize) -> Result<usize, Refused> {
        let section = || ops::stack::push_batch(self.0.area.place(), items, least, Index::Cpu);
        match inject::around(section) {
            Some(pushed) => pushed,
            None => self.push_batch_cold(items, least),
        }
    }

    #[cold]
    #[inline(never)]
    fn push_batch_cold(&self, items: &[u64], least: usize) -> Result<usize, Refused> {
        self.cold(
            |at, by| ops::stack::push_batch(at, items, least, by),
            |stack| ops::portable_stack::push_batch(stack, items, least),
        )
    }

    /// Takes items from the top in one commit, the topmost one last; as many as
    /// `out` has room for, if these are at least `least`. Never more than 64.
    /// That many of `out` are initialised.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline]
    pub fn pop_batch(&self, out: &mut [MaybeUninit<u64>], least: usize) -> Result<usize, Refused> {
        let section = || ops::stack::pop_batch(self.0.area.place(), out, least, Index::Cpu);
        match inject::around(section) {
            Some(popped) => popped,
            None => self.pop_batch_cold(out, least),
        }
    }

    /// As [`pop_batch`](Self::pop_batch), into words that are initialised.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline]
    pub fn pop_into(&self, out: &mut [u64], least: usize) -> Result<usize, Refused> {
        self.pop_batch(as_uninit(out), least)
    }

    #[cold]
    #[inline(never)]
    fn pop_batch_cold(&self, out: &mut [MaybeUninit<u64>], least: usize) -> Result<usize, Refused> {
        let out = RefCell::new(out);
        self.cold(
            |at, by| ops::stack::pop_batch(at, &mut out.borrow_mut(), least, by),
            |stack| ops::portable_stack::pop_batch(stack, &mut out.borrow_mut(), least),
        )
    }

    /// How many items the unit's stack held a moment ago.
    pub fn len_on(&self, unit: Unit) -> usize {
        self.0.area.on(unit.index()).map_or(0, StackRef::len) as usize
    }

    /// Takes every item of `unit`, from the top, and gives it to `f`. The unit's
    /// own operations are refused meanwhile.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; nothing was taken.
    ///
    /// # Panics
    /// If `f` does: the unit is opened, and has the items that `f` was not given.
    /// In debug builds if `f` drains this stack again, which deadlocks otherwise.
    pub fn drain_unit(&self, unit: Unit, mut f: impl FnMut(u64)) -> Result<(), Error> {
        self.alone(unit, |take| {
            while let Some(bits) = take() {
                f(bits);
            }
        })
    }

    /// Takes items of `unit`, as many as `out` has room for, from the top; returns how
    /// many.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; nothing was taken.
    pub fn drain_into(&self, unit: Unit, out: &mut [u64]) -> Result<usize, Error> {
        let mut count = 0;
        self.alone(unit, |take| {
            while let Some((out, bits)) = out.get_mut(count).and_then(|out| Some((out, take()?))) {
                *out = bits;
                count += 1;
            }
        })?;
        Ok(count)
    }

    /// Takes every item of every unit and gives it to `f`. Nobody else has the stack, so
    /// no section is in flight here, and none needs a fence.
    ///
    /// # Panics
    /// If `f` does: the stack has the items that `f` was not given.
    pub fn drain_mut(&mut self, mut f: impl FnMut(u64)) {
        let closed = *self.0.drains.lock();
        for unit in Unit::all().into_iter().flatten() {
            let Some(stack) = self.0.area.on(unit.index()) else { continue };
            if !process::has_sections(unit.index()) {
                let mut locked = ops::portable_stack::Locked::lock(stack);
                while let Some(bits) = locked.take() {
                    f(bits);
                }
                continue;
            }
            // Closed, it is stopped already; or became active since, and is empty.
            let _stopped = (!closed).then(|| {
                stop(stack);
                Stop(stack)
            });
            while let Some(bits) = take(stack) {
                f(bits);
            }
        }
    }

    /// Runs `f`, which may take items from the top, while nobody else changes the unit's
    /// stack.
    fn alone(
        &self,
        unit: Unit,
        f: impl FnOnce(&mut dyn FnMut() -> Option<u64>),
    ) -> Result<(), Error> {
        let _nested = nesting::enter(self);
        let closed = (!mutated("stack_drains_together")).then(|| self.0.drains.lock());
        let Some(stack) = self.0.area.on(unit.index()) else { return Ok(()) };
        if !process::has_sections(unit.index()) {
            let mut locked = ops::portable_stack::Locked::lock(stack);
            f(&mut || locked.take());
            return Ok(());
        }
        // If it is closed the unit is stopped, or became active since, and is empty.
        let open = closed.as_ref().is_none_or(|closed| !**closed);
        let _stopped = if open { Some(Stop::new(stack, unit)?) } else { None };
        f(&mut || take(stack));
        Ok(())
    }

    /// Refuses pushes from now on, on every unit, and pops where sections run: what is
    /// left can only be drained. For good; a second time does nothing.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; the stack is as before.
    pub fn close(&self) -> Result<(), Error> {
        let _nested = nesting::enter(self);
        let mut closed = self.0.drains.lock();
        if *closed {
            return Ok(());
        }
        let limit = self.0.area.update_limit(|_| (!mutated("stack_close_limit")).then_some(0));
        if let Err(error) = self.stop_all() {
            self.active().for_each(|stack| drop(Stop(stack)));
            self.0.area.update_limit(|_| limit);
            return Err(error);
        }
        *closed = true;
        Ok(())
    }

    /// Until every unit where sections may have pushed is stopped, and whoever had a
    /// lock of another has left.
    fn stop_all(&self) -> Result<(), Error> {
        let units = &process::get_or_panic().units;
        // Whoever finds a unit active that was not sees the limit (D4).
        units.settle();
        self.stop_active();
        loop {
            if !mutated("stack_close_no_fence") {
                fence::all()?;
            }
            // Whose mark was lost, and what became active before the fence's end, may
            // have been pushed to.
            if mutated("stack_close_once") || self.stop_active() {
                break;
            }
        }
        if mutated("stack_close_no_wait") {
            return Ok(());
        }
        let others = Unit::all()?.filter(|unit| !process::has_sections(unit.index()));
        others
            .filter_map(|unit| self.0.area.on(unit.index()))
            .for_each(|stack| drop(ops::portable_stack::Locked::lock(stack)));
        Ok(())
    }

    /// Marks all active units with sections; whether all were.
    fn stop_active(&self) -> bool {
        self.active().filter(|&stack| !stop(stack)).count() == 0
    }

    /// The stacks of active units with sections.
    fn active(&self) -> impl Iterator<Item = StackRef<'_>> {
        let units = Unit::all().into_iter().flatten();
        let units = units.filter(|unit| process::has_sections(unit.index()));
        units.filter_map(|unit| self.0.area.on(unit.index()))
    }

    /// The fast path is closed: opens it, or goes round it.
    fn cold<'a, R>(
        &'a self,
        section: impl Fn(StackPlace<'a>, Index) -> Option<R>,
        atomic: impl Fn(StackRef<'a>) -> R,
    ) -> R {
        if let Some(stack) = self.0.area.admitted() {
            return atomic(stack);
        }
        let at = self.0.area.place();
        loop {
            inject::at(Point::Cold);
            // As the cold path of `word.rs`.
            if let Some(result) = inject::around(|| section(at, Index::Cid)) {
                return result;
            }
            if let Some(stack) = self.0.area.admit() {
                return atomic(stack);
            }
            if let Some(result) = inject::around(|| section(at, Index::Cpu)) {
                return result;
            }
        }
    }
}

impl fmt::Debug for RawStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStack").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// The item on top. The caller has stopped the unit (D1).
fn take(stack: StackRef<'_>) -> Option<u64> {
    // Relaxed, all of them: nobody else changes the unit.
    let top = stack.len().checked_sub(1)?;
    let word = stack.head().word.load(Ordering::Relaxed);
    assert_eq!(word, top + 1 + STOPPED, "somebody else changes a stopped unit");
    stack.look();
    let bits = stack.slot(top).load(Ordering::Relaxed);
    stack.head().word.store(top | STOPPED, Ordering::Relaxed);
    Some(bits)
}

/// Marks the unit: sections that start after the next fence leave, unless one that is
/// under way commits over the mark. Whether it was marked.
fn stop(stack: StackRef<'_>) -> bool {
    // Relaxed: the fence orders it before every section that starts later, and after
    // those that ended.
    stack.head().word.fetch_or(STOPPED, Ordering::Relaxed) & STOPPED != 0
}

/// A stopped unit with sections: opened when this is dropped.
struct Stop<'a>(StackRef<'a>);

impl<'a> Stop<'a> {
    fn new(stack: StackRef<'a>, unit: Unit) -> Result<Self, Error> {
        // Opened again by drop, also if the fence is refused.
        let stopped = Self(stack);
        let late = mutated("stack_stop_after_fence");
        if !late {
            stop(stack);
        }
        inject::at(Point::Stopped);
        loop {
            if !mutated("stack_no_fence") {
                fence::unit(unit)?;
            }
            // The mark must have been there all the time.
            if mutated("stack_stop_lost") || stop(stack) || late {
                inject::at(Point::Fenced);
                return Ok(stopped);
            }
        }
    }
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        inject::at(Point::Taken);
        // Release: what was loaded from the slots comes before sections' stores there.
        let opened = order(Ordering::Release, "stack_opened_relaxed");
        self.0.head().word.fetch_and(!STOPPED, opened);
    }
}
