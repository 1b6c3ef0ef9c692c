//! A slab: values by key.

mod directory;
mod key;
mod memory;
mod page;
mod slot;
pub(crate) mod slots;

pub use key::{Key, NotAKey};
pub(crate) use slot::{Slot, generation, vacant};
pub(crate) use slots::{Acquired, SlotCounts, SlotOptions, Slots};
