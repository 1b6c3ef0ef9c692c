//! [`StackMemory`] on the pretend machine. Twin of `src/stack_memory.rs`: a boxed slice with
//! one stack for each unit.

use crate::error::Error;
use crate::place::Place;
use crate::process;
use crate::stack_copy::StackCopy;

/// The stacks; one for each unit.
#[derive(Debug)]
pub(crate) struct StackMemory {
    stacks: Box<[StackCopy]>,
    capacity: u32,
}

impl StackMemory {
    /// Empty stacks of `capacity` slots.
    pub(crate) fn new(capacity: usize) -> Result<Self, Error> {
        let units = process::get()?.units.count();
        let stacks = (0..units).map(|_| StackCopy::new(capacity)).collect();
        Ok(Self { stacks, capacity: capacity as u32 })
    }

    /// How many slots each has.
    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    pub(crate) fn place(&self) -> Place<'_, StackCopy> {
        Place::new(&self.stacks)
    }
}
