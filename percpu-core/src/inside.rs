//! [`RawStack`]'s operations inside an allocation.
//!
//! # Why
//! A program's global allocator keeps free blocks on stacks, and whoever allocates may
//! hold any lock: the index of chunks, `Units::state` under which a list grows, libc's
//! of the environment. So these neither set per-CPU memory up, nor wait for a lock, nor
//! ask for memory, nor register the thread. What would need that is refused, as by a
//! drain, and the caller goes to what lies below its stacks. `accounting/mod.rs` has
//! the same for words.
//!
//! | a thread | goes to |
//! | --- | --- |
//! | with sections, its unit active | its unit, by the section |
//! | the same, its unit not active, nobody holds the lock of units | its unit, made active |
//! | the same, somebody holds it | the shared unit, if that is active, else refused |
//! | without sections (none in this process, not registered, ending) | a unit by its lock, tried once |

use core::cell::RefCell;

use crate::atomic::Ordering;
use crate::index::Index;
use crate::ops::{self, Refused};
use crate::process;
use crate::raw_stack::RawStack;
use crate::stack_copy::{StackPlace, StackRef};
use crate::stack_word::as_uninit;

impl RawStack {
    /// As [`push`](Self::push), inside an allocation.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline(always)]
    pub fn try_push(&self, bits: u64, limit: usize) -> Result<(), Refused> {
        let (at, limit) = self.limited(limit);
        match ops::stack::push(at, bits, limit, Index::Cpu) {
            Some(pushed) => pushed,
            None => self.try_push_cold(bits, limit),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_push_cold(&self, bits: u64, limit: u32) -> Result<(), Refused> {
        self.attempt(
            |at, by| ops::stack::push(at, bits, limit, by),
            |stack| ops::portable_stack::push(stack, bits, limit),
        )
    }

    /// As [`pop`](Self::pop), inside an allocation.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline(always)]
    pub fn try_pop(&self) -> Result<u64, Refused> {
        match ops::stack::pop(self.area.place(), Index::Cpu) {
            Some(popped) => popped,
            None => self.try_pop_cold(),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_pop_cold(&self) -> Result<u64, Refused> {
        self.attempt(ops::stack::pop, ops::portable_stack::pop)
    }

    /// As [`push_batch`](Self::push_batch), inside an allocation.
    ///
    /// # Errors
    /// Nothing was done.
    pub fn try_push_batch(
        &self,
        items: &[u64],
        least: usize,
        limit: usize,
    ) -> Result<usize, Refused> {
        let (at, limit) = self.limited(limit);
        match ops::stack::push_batch(at, items, least, limit, Index::Cpu) {
            Some(pushed) => pushed,
            None => self.attempt(
                |at, by| ops::stack::push_batch(at, items, least, limit, by),
                |stack| ops::portable_stack::push_batch(stack, items, least, limit),
            ),
        }
    }

    /// As [`pop_into`](Self::pop_into), inside an allocation.
    ///
    /// # Errors
    /// Nothing was done.
    pub fn try_pop_into(&self, out: &mut [u64], least: usize) -> Result<usize, Refused> {
        let out = RefCell::new(as_uninit(out));
        // Not in the `match`, which would keep it borrowed.
        let first =
            ops::stack::pop_batch(self.area.place(), &mut out.borrow_mut(), least, Index::Cpu);
        match first {
            Some(popped) => popped,
            None => self.attempt(
                |at, by| ops::stack::pop_batch(at, &mut out.borrow_mut(), least, by),
                |stack| ops::portable_stack::pop_batch(stack, &mut out.borrow_mut(), least),
            ),
        }
    }

    /// In a forked child, before its thread does anything else: opens units whose lock
    /// another thread of the parent held. Such a thread had changed the length last, so
    /// what lies on the stack is whole; what it had in hand is lost to the child.
    pub fn open_in_child(&self) {
        let Some(process) = process::existing() else { return };
        for unit in (0..process.units.count()).filter(|&unit| !process::has_sections(unit)) {
            if let Some(stack) = self.area.on(unit) {
                // Relaxed: there is one thread.
                stack.head().stop.store(0, Ordering::Relaxed);
            }
        }
    }

    /// The fast path is closed: opens it if that takes no waiting, or goes round it.
    /// Never goes round in circles, unlike its sister for everybody else.
    fn attempt<'a, R>(
        &'a self,
        section: impl Fn(StackPlace<'a>, Index) -> Option<Result<R, Refused>>,
        atomic: impl Fn(StackRef<'a>) -> Result<R, Refused>,
    ) -> Result<R, Refused> {
        let at = self.area.place();
        // What a process by concurrency id does each time.
        if let Some(result) = section(at, Index::Cid) {
            return result;
        }
        match self.area.try_admit()? {
            Some(stack) => atomic(stack),
            None => section(at, Index::Cpu)
                .or_else(|| section(at, Index::Cid))
                .unwrap_or(Err(Refused::Stopped)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_do_what_their_sisters_do() {
        let stack = RawStack::with_capacity(8).unwrap();
        // By whichever unit: it is this thread's alone or, migrated to another, empty.
        let mut put = 0;
        for item in 1..=8 {
            put += usize::from(stack.try_push(item, 4).is_ok());
        }
        assert!(put >= 4, "four fit on one unit");
        let mut out = [0; 8];
        let mut got: usize = (0..8).filter_map(|_| stack.try_pop_into(&mut out, 1).ok()).sum();
        got += (0..8).filter(|_| stack.try_pop().is_ok()).count();
        let units = crate::Unit::all().unwrap();
        got += units.map(|unit| stack.len_on(unit)).sum::<usize>();
        assert_eq!(got, put);
    }
}
