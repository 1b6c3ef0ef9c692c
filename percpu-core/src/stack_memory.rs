//! [`StackMemory`]: an area with a stack in every unit.
//!
//! `model/stack_memory.rs` is its twin on loom's pretend machine.
//!
//! # Safety
//!
//! Makes places of an area that the allocator handed to one owner.

#![allow(unsafe_code)]

use crate::area::request::Request;
use crate::error::Error;
use crate::place::Place;
use crate::process;
use crate::stack_copy::StackCopy;

/// The area that a stack's copies lie in; given back on drop.
#[derive(Debug)]
pub(crate) struct StackMemory {
    pointer: usize,
    capacity: u32,
}

impl StackMemory {
    /// Empty stacks of `capacity` slots.
    pub(crate) fn new(capacity: usize) -> Result<Self, Error> {
        let size = StackCopy::size(capacity);
        // Whole cache lines, unless it is less than one.
        let align = if size < 64 { align_of::<u64>() } else { 64 };
        let pointer = process::alloc_zeroed(Request::dynamic(size, align))?;
        // An area is far smaller than 2^32 slots.
        Ok(Self { pointer, capacity: capacity as u32 })
    }

    /// How many slots each has.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    #[inline(always)]
    pub(crate) fn place(&self) -> Place<'_, StackCopy> {
        // SAFETY: the area is this value's alone until it drops, large and
        // aligned enough, and zero, which is an empty stack, in every unit that
        // is or becomes active.
        unsafe { Place::new(self.pointer) }
    }
}

impl Drop for StackMemory {
    fn drop(&mut self) {
        process::give_back(self.pointer, StackCopy::size(self.capacity as usize));
    }
}
