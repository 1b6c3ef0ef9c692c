//! [`Id`]: a number that is given back on drop.

use core::fmt;
use core::mem::ManuallyDrop;

use super::id_error::Exhausted;
use super::ids::IdPool;

/// A number that is in use until this is dropped, on any thread; from [`IdPool::get`].
///
/// Forgotten (`mem::forget`), its number stays in use.
#[must_use = "dropped at once, the number is free at once"]
pub struct Id<'a> {
    pool: &'a IdPool,
    id: u32,
}

impl IdPool {
    /// A number, with a guard that gives it back.
    ///
    /// # Errors
    /// [`Exhausted`].
    #[inline]
    pub fn get(&self) -> Result<Id<'_>, Exhausted> {
        let id = self.acquire()?;
        self.hold(id);
        Ok(Id { pool: self, id })
    }

    /// As [`get`](Self::get), without asking other CPUs: it waits for nobody.
    ///
    /// # Errors
    /// [`Exhausted`], also if other CPUs have some.
    #[inline]
    pub fn try_get(&self) -> Result<Id<'_>, Exhausted> {
        let id = self.try_acquire()?;
        self.hold(id);
        Ok(Id { pool: self, id })
    }
}

impl Id<'_> {
    /// The number, below [`IdPool::capacity`].
    #[inline]
    pub fn number(&self) -> u32 {
        self.id
    }

    /// The number, which is in use until [`IdPool::put`].
    pub fn into_number(self) -> u32 {
        let id = ManuallyDrop::new(self);
        id.pool.by_number(id.id)
    }
}

impl Drop for Id<'_> {
    #[inline]
    fn drop(&mut self) {
        self.pool.let_go(self.id);
    }
}

impl fmt::Debug for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Id").field(&self.id).finish()
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}
