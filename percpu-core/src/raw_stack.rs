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
//! | `stop` | 0 <-> `STOPPED` by the drain, who owns `drains` | a lock, tried once by operations |
//! | `len` | by sections; by a drain that stopped the unit | by whoever holds the lock |
//! | slots | as `len`; above it anything | as `len` |
//! | `limit` | by anybody, at any time | the same |
//!
//! ```text
//!   push:   stop == 0?  n = len  n < limit?   slot[n] = item   COMMIT len = n + 1
//!   pop:    stop == 0?  n = len  n > 0?       item = slot[n - 1]  COMMIT len = n - 1
//!   drain:  lock drains;  stop = STOPPED;  fence(unit);  take all;  stop = 0
//!   close:  lock drains;  limit = 0;  all stop = STOPPED;  fence(all);  for ever
//! ```
//!
//! # Invariants
//! - D1: while a drain has stopped a unit and its fence has returned, nobody else
//!   changes the unit's stack. A section either committed before the fence ended,
//!   or it restarted, and then it loads `STOPPED` and leaves.
//! - D2: a section that is let in by the end of a drain knows what the drain left:
//!   `stop` is loaded before `len` and acquires. (Loaded after it, a section could
//!   carry the old length across the whole drain, and a second fence were needed
//!   before `stop` may be opened.)
//! - D3: what is below `len` was put there by a push and has not come out.
//! - D4: once `close` has returned nothing is pushed. Where sections ran they are
//!   stopped, and stay so. A unit that becomes active later does so after `close` has
//!   passed the units' lock, so whoever pushes there loads a limit of 0: inside its
//!   section, after the unit's base; or with the unit's lock.
//!
//! # Orderings
//! - Pushed on a unit, popped on it: the same CPU, or the unit's lock.
//! - Pushed, drained: the fence, or the unit's lock.
//! - Drained, next operation: `stop` store Release, Acquire load of the sections.
//! - `limit`: Relaxed; `close` has the fence, the units' lock and each unit's lock.

use core::cell::RefCell;
use core::fmt;
use core::mem::MaybeUninit;

use crate::atomic::Ordering;
use crate::error::Error;
use crate::fence;
use crate::index::Index;
use crate::mutate::mutated;
use crate::ops::{self, Refused};
use crate::process;
use crate::stack_area::StackArea;
use crate::stack_copy::{STOPPED, StackPlace, StackRef};
use crate::stack_word::as_uninit;
use crate::sys::nesting;
use crate::sys::sync::Mutex;
use crate::unit::Unit;

/// A bounded stack of 64-bit words on every unit.
///
/// The operations are this CPU's, never wait, and may be used in a signal
/// handler. Those on many items say why they did nothing: [`Refused`].
pub struct RawStack {
    area: StackArea,
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
        Ok(Self { area: StackArea::new(capacity)?, drains: Mutex::new(false) })
    }

    /// How many items a unit's stack can hold.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.area.capacity() as usize
    }

    /// How many items a unit's stack may have now: the capacity, unless it was set.
    #[inline]
    pub fn limit(&self) -> usize {
        self.area.limit() as usize
    }

    /// Lets units have as many items as `f` makes of the limit, and no more than the
    /// capacity. Items that are above it stay. `false` if `f` wants nothing changed.
    pub fn update_limit(&self, f: impl Fn(usize) -> Option<usize>) -> bool {
        let update =
            |limit| f(limit as usize).map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
        self.area.update_limit(update).is_some()
    }

    /// Puts an item on top, if there is room; whether it did.
    #[inline(always)]
    pub fn push(&self, bits: u64) -> bool {
        ops::stack::push(self.area.place(), bits, Index::Cpu) || self.push_cold(bits)
    }

    #[cold]
    #[inline(never)]
    fn push_cold(&self, bits: u64) -> bool {
        self.push_batch_cold(&[bits], 1).is_ok()
    }

    /// Takes the item on top, if there is one.
    #[inline(always)]
    pub fn pop(&self) -> Option<u64> {
        match ops::stack::pop(self.area.place(), Index::Cpu) {
            Some(bits) => Some(bits),
            None => self.pop_cold(),
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_cold(&self) -> Option<u64> {
        let mut bits = [0];
        self.pop_batch_cold(as_uninit(&mut bits), 1).ok().map(|_| bits[0])
    }

    /// Puts `items` on top in one commit, the last one topmost; from the first
    /// on as many as there is room for, if these are at least `least`. Never more
    /// than 64.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline]
    pub fn push_batch(&self, items: &[u64], least: usize) -> Result<usize, Refused> {
        match ops::stack::push_batch(self.area.place(), items, least, Index::Cpu) {
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
        match ops::stack::pop_batch(self.area.place(), out, least, Index::Cpu) {
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
        self.area.on(unit.index()).map_or(0, len) as usize
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
        self.alone(unit, |stack| {
            while let Some(bits) = take(stack) {
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
        self.alone(unit, |stack| {
            while let Some((out, bits)) =
                out.get_mut(count).and_then(|out| Some((out, take(stack)?)))
            {
                *out = bits;
                count += 1;
            }
        })?;
        Ok(count)
    }

    /// Runs `f` while nobody else changes the unit's stack.
    fn alone(&self, unit: Unit, f: impl FnOnce(StackRef<'_>)) -> Result<(), Error> {
        let _nested = nesting::enter(self);
        let closed = (!mutated("stack_drains_together")).then(|| self.drains.lock());
        let Some(stack) = self.area.on(unit.index()) else { return Ok(()) };
        let _stopped = match (process::has_sections(unit.index()), &closed) {
            // It is stopped; or became active since, and is empty.
            (true, Some(closed)) if **closed => None,
            (true, _) => Some(Halt::Stop(Stop::new(stack, unit)?)),
            (false, _) => Some(Halt::Lock(ops::portable_stack::Locked::lock(stack))),
        };
        f(stack);
        Ok(())
    }

    /// Refuses pushes from now on, on every unit, and pops where sections run: what is
    /// left can only be drained. For good; a second time does nothing.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; the stack is as before.
    pub fn close(&self) -> Result<(), Error> {
        let _nested = nesting::enter(self);
        let mut closed = self.drains.lock();
        if *closed {
            return Ok(());
        }
        let limit = self.area.update_limit(|_| (!mutated("stack_close_limit")).then_some(0));
        if let Err(error) = self.stop_all() {
            self.active().for_each(|stack| drop(Stop(stack)));
            self.area.update_limit(|_| limit);
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
        loop {
            let stopped = self.active().map(stop).count();
            if !mutated("stack_close_no_fence") {
                fence::all()?;
            }
            // What became active before the fence's end may have been pushed to.
            if self.active().count() == stopped {
                break;
            }
        }
        let others = Unit::all()?.filter(|unit| !process::has_sections(unit.index()));
        others
            .filter_map(|unit| self.area.on(unit.index()))
            .for_each(|stack| drop(ops::portable_stack::Locked::lock(stack)));
        Ok(())
    }

    /// The stacks of active units with sections.
    fn active(&self) -> impl Iterator<Item = StackRef<'_>> {
        let units = Unit::all().into_iter().flatten();
        let units = units.filter(|unit| process::has_sections(unit.index()));
        units.filter_map(|unit| self.area.on(unit.index()))
    }

    /// The fast path is closed: opens it, or goes round it.
    fn cold<'a, R>(
        &'a self,
        section: impl Fn(StackPlace<'a>, Index) -> Option<R>,
        atomic: impl Fn(StackRef<'a>) -> R,
    ) -> R {
        let at = self.area.place();
        loop {
            // As the cold path of `word.rs`.
            if let Some(result) = section(at, Index::Cid) {
                return result;
            }
            if let Some(stack) = self.area.admit() {
                return atomic(stack);
            }
            if let Some(result) = section(at, Index::Cpu) {
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

fn len(stack: StackRef<'_>) -> u32 {
    // Relaxed: a hint, or ordered by what the caller holds.
    stack.head().len.load(Ordering::Relaxed)
}

/// The item on top. The caller has the unit alone (D1).
fn take(stack: StackRef<'_>) -> Option<u64> {
    // Relaxed, all of them: nobody else has the unit.
    let top = len(stack).checked_sub(1)?;
    let bits = stack.slot(top).load(Ordering::Relaxed);
    stack.head().len.store(top, Ordering::Relaxed);
    Some(bits)
}

/// Sections that start after the next fence leave.
fn stop(stack: StackRef<'_>) {
    // Relaxed: the fence orders it before every section that starts later.
    stack.head().stop.store(STOPPED, Ordering::Relaxed);
}

/// A unit that nobody else changes, until this is dropped.
#[allow(dead_code, reason = "held, not read")]
enum Halt<'a> {
    Stop(Stop<'a>),
    Lock(ops::portable_stack::Locked<'a>),
}

/// A stopped unit with sections.
struct Stop<'a>(StackRef<'a>);

impl<'a> Stop<'a> {
    fn new(stack: StackRef<'a>, unit: Unit) -> Result<Self, Error> {
        // Opened again by drop, also if the fence is refused.
        let stop = Self(stack);
        let late = mutated("stack_stop_after_fence");
        if !late {
            self::stop(stack);
        }
        if !mutated("stack_no_fence") {
            fence::unit(unit)?;
        }
        if late {
            self::stop(stack);
        }
        Ok(stop)
    }
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        let open = match mutated("stack_open_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Release,
        };
        // Release: the sections acquire it, and with it the length (D2).
        self.0.head().stop.store(0, open);
    }
}
