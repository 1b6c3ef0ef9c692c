//! [`Life`]: a slot's life, for a model that goes where a [`Slab`](super::Slab) comes
//! only if the system refuses fences.

use super::life::{self, Claim};
use super::slot::Slot;

/// The life of a slot whose value the model has.
pub struct Life(Slot<()>);

impl core::fmt::Debug for Life {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Life").finish_non_exhaustive()
    }
}

impl Life {
    /// Of a slot without a value.
    pub fn vacant() -> Self {
        Self(Slot::vacant())
    }

    /// There is a value now.
    pub fn fill(&self, generation: u32) {
        life::fill(&self.0, generation);
    }

    /// Whether the value may be read.
    pub fn read(&self, generation: u32) -> bool {
        life::read(&self.0, generation)
    }

    /// Whether the value is the caller's, perhaps later.
    pub fn claim(&self, generation: u32) -> bool {
        life::claim(&self.0, generation) != Claim::Gone
    }

    /// It is there again.
    pub fn unclaim(&self, generation: u32) {
        life::unclaim(&self.0, generation);
    }
}
