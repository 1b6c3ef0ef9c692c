//! A slab: values by key.

mod directory;
mod error;
mod guard;
mod key;
mod life;
mod memory;
mod page;
mod removed;
mod slab;
mod slot;
mod slots;

pub use error::{InsertError, TryTakeError};
pub use guard::Guard;
pub use key::{Key, NotAKey};
pub use slab::Slab;
pub(crate) use slot::{Slot, generation, vacant};
pub(crate) use slots::{Acquired, SlotCounts, SlotOptions, Slots};
