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
use crate::stack_copy::{STOPPED, StackPlace, StackRef};
use crate::stack_word::as_uninit;

impl RawStack {
    /// As [`push`](Self::push), inside an allocation.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline(always)]
    pub fn push_inside(&self, bits: u64) -> Result<(), Refused> {
        if self.try_push(bits) {
            return Ok(());
        }
        self.push_inside_cold(bits)
    }

    #[cold]
    #[inline(never)]
    fn push_inside_cold(&self, bits: u64) -> Result<(), Refused> {
        self.push_batch_inside(&[bits], 1).map(drop)
    }

    /// As [`pop`](Self::pop), inside an allocation.
    ///
    /// # Errors
    /// Nothing was done.
    #[inline(always)]
    pub fn pop_inside(&self) -> Result<u64, Refused> {
        match self.try_pop() {
            Some(bits) => Ok(bits),
            None => self.pop_inside_cold(),
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_inside_cold(&self) -> Result<u64, Refused> {
        let mut bits = [0];
        self.pop_into_inside(&mut bits, 1).map(|_| bits[0])
    }

    /// As [`push_batch`](Self::push_batch), inside an allocation.
    ///
    /// # Errors
    /// Nothing was done.
    pub fn push_batch_inside(&self, items: &[u64], least: usize) -> Result<usize, Refused> {
        self.attempt(
            |at, by| ops::stack::push_batch(at, items, least, by),
            |stack| ops::portable_stack::push_batch(stack, items, least),
        )
    }

    /// As [`pop_into`](Self::pop_into), inside an allocation.
    ///
    /// # Errors
    /// Nothing was done.
    pub fn pop_into_inside(&self, out: &mut [u64], least: usize) -> Result<usize, Refused> {
        let out = RefCell::new(as_uninit(out));
        self.attempt(
            |at, by| ops::stack::pop_batch(at, &mut out.borrow_mut(), least, by),
            |stack| ops::portable_stack::pop_batch(stack, &mut out.borrow_mut(), least),
        )
    }

    /// In a forked child, before its thread does anything else: opens units whose lock
    /// another thread of the parent held. Such a thread changes the length last, so
    /// what lies on the stack is whole; what it had in hand is lost to the child.
    pub fn open_in_child(&self) {
        let Some(process) = process::existing() else { return };
        for unit in (0..process.units.count()).filter(|&unit| !process::has_sections(unit)) {
            if let Some(stack) = self.0.area.on(unit) {
                // Relaxed: there is one thread.
                stack.head().word.fetch_and(!STOPPED, Ordering::Relaxed);
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
        let at = self.0.area.place();
        for index in [Index::Cpu, Index::Cid] {
            if let Some(result) = section(at, index) {
                return result;
            }
        }
        match self.0.area.try_admit()? {
            Some(stack) => atomic(stack),
            None => section(at, Index::Cpu)
                .or_else(|| section(at, Index::Cid))
                .unwrap_or(Err(Refused::Stopped)),
        }
    }
}

#[cfg(all(test, not(percpu_loom)))]
mod tests {
    use super::*;

    #[test]
    fn they_do_what_their_sisters_do() {
        let stack = RawStack::with_capacity(8).unwrap();
        // By whichever unit: it is this thread's alone or, migrated to another, empty.
        let mut put = 0;
        stack.update_limit(|_| Some(4));
        for item in 1..=8 {
            put += usize::from(stack.push_inside(item).is_ok());
        }
        assert!(put >= 4, "four fit on one unit");
        let mut out = [0; 8];
        let mut got: usize = (0..8).filter_map(|_| stack.pop_into_inside(&mut out, 1).ok()).sum();
        got += (0..8).filter(|_| stack.pop_inside().is_ok()).count();
        let units = crate::Unit::all().unwrap();
        got += units.map(|unit| stack.len_on(unit)).sum::<usize>();
        assert_eq!(got, put);
    }
}
