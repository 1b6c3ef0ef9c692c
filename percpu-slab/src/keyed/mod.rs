//! A slab: values by key.
//!
//! ```text
//!   Slab         insert, get, remove     take, remove, iter, owned, vacant, builder, stats
//!    ├─ life     who may look at a slot's value, and who may take it out
//!    ├─ removed  values that wait for their readers
//!    └─ slots    free slots on every CPU; pages of slots; from an index to a slot
//! ```

mod below;
mod builder;
mod directory;
mod error;
mod guard;
mod iter;
mod key;
mod life;
#[cfg(percpu_loom)]
mod model;
mod owned;
mod page;
mod remove;
mod removed;
mod slab;
mod slot;
mod slot_options;
mod slots;
mod stats;
mod take;
mod vacant;

pub use builder::SlabBuilder;
pub use error::{InsertError, TryTakeError};
pub use guard::Guard;
pub use iter::{Drain, IntoIter, Iter, IterMut, Keys};
pub use key::{Key, NotAKey};
pub use owned::OwnedGuard;
pub use slab::Slab;
pub use stats::SlabStats;
pub use vacant::VacantEntry;

/// For the models.
#[doc(hidden)]
#[cfg(percpu_loom)]
pub use model::Life as __Life;

#[allow(unused_imports, reason = "the other face of the slots, `compat`, stands on them")]
pub(crate) use {
    slot::{Slot, generation, vacant},
    slot_options::SlotOptions,
    slots::{Acquired, Slots},
};
