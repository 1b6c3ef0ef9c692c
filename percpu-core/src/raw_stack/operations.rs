//! What a CPU does with its own stack.

use core::cell::RefCell;
use core::fmt;
use core::mem::MaybeUninit;

use crate::error::Error;
use crate::index::Index;
use crate::inject::{self, Point};
use crate::ops::{self, Refused};
use crate::stack_area::StackArea;
use crate::stack_copy::{StackPlace, StackRef};
use crate::stack_word::as_uninit;
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
    pub(super) drains: Mutex<bool>,
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
