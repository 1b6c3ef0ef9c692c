//! [`Ref`], [`RefMut`]: guards that borrow the pool.

use core::ops::DerefMut;

use super::values::Pool;
use crate::compat::clear::Clear;
use crate::compat::config::{Config, DefaultConfig};
use crate::compat::face::guard;
use crate::compat::guard::{Exclusive, Shared};

/// A value of a [`Pool`], which stays as long as this does; from [`Pool::get`].
///
/// If the value is cleared meanwhile, whoever drops the last guard does it.
pub struct Ref<'a, T, C = DefaultConfig>
where
    T: Clear + Default,
    C: Config,
{
    pub(super) inner: Shared<&'a Pool<T, C>>,
}

guard!(Ref<'_, T, C>, [T, C: Config], T: [Clear + Default]);

/// A value of a [`Pool`] that is being created; from [`Pool::create`].
///
/// Nobody else finds it until this is dropped or downgraded. If it is cleared meanwhile,
/// that is put off until then.
pub struct RefMut<'a, T, C = DefaultConfig>
where
    T: Clear + Default,
    C: Config,
{
    pub(super) inner: Exclusive<&'a Pool<T, C>>,
}

guard!(RefMut<'_, T, C>, [T, C: Config], T: [Clear + Default]);

impl<'a, T: Clear + Default, C: Config> RefMut<'a, T, C> {
    /// Keeps the value, and lets others have it, too.
    ///
    /// ```
    /// use percpu_slab::compat::Pool;
    /// let pool = Pool::<String>::new();
    /// let mut line = pool.create().unwrap();
    /// line.push_str("hello");
    /// let line = line.downgrade();
    /// assert_eq!(*line, *pool.get(line.key()).unwrap());
    /// ```
    pub fn downgrade(self) -> Ref<'a, T, C> {
        Ref { inner: self.inner.downgrade() }
    }
}

impl<T: Clear + Default, C: Config> DerefMut for RefMut<'_, T, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
