//! [`RawStack`]: a bounded stack of 64-bit words on every unit.
//!
//! # Why
//! What a CPU hands out again soon is best kept by that CPU: the magazines of an
//! object cache, buffers, identifiers. [`PerCpuStack`](crate::PerCpuStack) is
//! this with types; an object cache builds on this one.
//!
//! # Words
//! Of each unit (`stack_copy.rs` has the drawing):
//!
//! | word | on a unit with sections | elsewhere |
//! | --- | --- | --- |
//! | `stop` | 0 <-> `STOPPED` by the drain, who owns `drains` | a lock, tried once by operations |
//! | `len` | by sections; by a drain that stopped the unit | by whoever holds the lock |
//! | slots | as `len`; above it anything | as `len` |
//!
//! ```text
//!   push:   stop == 0?  n = len  n < limit?   slot[n] = item   COMMIT len = n + 1
//!   pop:    stop == 0?  n = len  n > 0?       item = slot[n - 1]  COMMIT len = n - 1
//!   drain:  lock drains;  stop = STOPPED;  fence(unit);  take all;  stop = 0
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
//!
//! # Orderings
//! - Pushed on a unit, popped on it: the same CPU, or the unit's lock.
//! - Pushed, drained: the fence, or the unit's lock.
//! - Drained, next operation: `stop` store Release, Acquire load of the sections.

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
/// handler. They say why they did nothing: [`Refused`]. A `limit` or a `least` is
/// the caller's to choose at each call.
pub struct RawStack {
    pub(crate) area: StackArea,
    /// One drain at a time.
    drains: Mutex<()>,
}

impl RawStack {
    /// Empty stacks of `capacity` items.
    ///
    /// # Errors
    /// As [`PerCpu::zeroed`](crate::PerCpu::zeroed), for `8 * capacity + 8` bytes.
    pub fn with_capacity(capacity: usize) -> Result<Self, Error> {
        Ok(Self { area: StackArea::new(capacity)?, drains: Mutex::new(()) })
    }

    /// How many items a unit's stack can hold.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.area.place().capacity() as usize
    }

    /// Puts an item on top, if fewer than `limit` are there.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline(always)]
    pub fn push(&self, bits: u64, limit: usize) -> Result<(), Refused> {
        let (at, limit) = self.limited(limit);
        match ops::stack::push(at, bits, limit, Index::Cpu) {
            Some(pushed) => pushed,
            None => self.push_cold(bits, limit),
        }
    }

    #[cold]
    #[inline(never)]
    fn push_cold(&self, bits: u64, limit: u32) -> Result<(), Refused> {
        self.cold(
            |at, by| ops::stack::push(at, bits, limit, by),
            |stack| ops::portable_stack::push(stack, bits, limit),
        )
    }

    /// Takes the item on top.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline(always)]
    pub fn pop(&self) -> Result<u64, Refused> {
        match ops::stack::pop(self.area.place(), Index::Cpu) {
            Some(popped) => popped,
            None => self.pop_cold(),
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_cold(&self) -> Result<u64, Refused> {
        self.cold(ops::stack::pop, ops::portable_stack::pop)
    }

    /// Puts `items` on top in one commit, the last one topmost; from the first
    /// on as many as `limit` has room for, if these are at least `least`. Never
    /// more than 64.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline]
    pub fn push_batch(&self, items: &[u64], least: usize, limit: usize) -> Result<usize, Refused> {
        let (at, limit) = self.limited(limit);
        match ops::stack::push_batch(at, items, least, limit, Index::Cpu) {
            Some(pushed) => pushed,
            None => self.push_batch_cold(items, least, limit),
        }
    }

    #[cold]
    #[inline(never)]
    fn push_batch_cold(&self, items: &[u64], least: usize, limit: u32) -> Result<usize, Refused> {
        self.cold(
            |at, by| ops::stack::push_batch(at, items, least, limit, by),
            |stack| ops::portable_stack::push_batch(stack, items, least, limit),
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
        let _nested = nesting::enter(self);
        let _alone = (!mutated("stack_drains_together")).then(|| self.drains.lock());
        let Some(stack) = self.area.on(unit.index()) else { return Ok(()) };
        let _stopped = match process::has_sections(unit.index()) {
            true => Halt::Stop(Stop::new(stack, unit)?),
            false => Halt::Lock(ops::portable_stack::Locked::lock(stack)),
        };
        // Relaxed, all of them: nobody else has the unit (D1).
        while let Some(top) = len(stack).checked_sub(1) {
            let bits = stack.slot(top).load(Ordering::Relaxed);
            stack.head().len.store(top, Ordering::Relaxed);
            f(bits);
        }
        Ok(())
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

    #[inline(always)]
    pub(crate) fn limited(&self, limit: usize) -> (StackPlace<'_>, u32) {
        let at = self.area.place();
        // A capacity fits.
        (at, limit.min(at.capacity() as usize) as u32)
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
        let word = &stack.head().stop;
        // Relaxed: the fence orders it before every section that starts later.
        if !mutated("stack_stop_after_fence") {
            word.store(STOPPED, Ordering::Relaxed);
        }
        if !mutated("stack_no_fence") {
            fence::unit(unit)?;
        }
        if mutated("stack_stop_after_fence") {
            word.store(STOPPED, Ordering::Relaxed);
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
