//! [`OwnedRef`], [`OwnedRefMut`]: guards that have a part of the pool's `Arc`.

use core::ops::DerefMut;
use std::sync::Arc;

use super::values::Pool;
use crate::compat::clear::Clear;
use crate::compat::config::{Config, DefaultConfig};
use crate::compat::face::guard;
use crate::compat::guard::{Exclusive, Shared};

/// A value of a [`Pool`] and a part of its `Arc`; from [`Pool::get_owned`].
///
/// ```
/// use percpu_slab::compat::{Pool, pool::OwnedRef};
/// use std::sync::Arc;
///
/// struct Job {
///     name: OwnedRef<String>,
/// }
/// let names = Arc::new(Pool::<String>::new());
/// let key = names.create_with(|name| name.push_str("index")).unwrap();
/// let job = Job { name: names.clone().get_owned(key).unwrap() };
/// // The pool stays for as long as the job does.
/// drop(names);
/// std::thread::spawn(move || assert_eq!(*job.name, "index")).join().unwrap();
/// ```
pub struct OwnedRef<T, C = DefaultConfig>
where
    T: Clear + Default,
    C: Config,
{
    pub(super) inner: Shared<Arc<Pool<T, C>>>,
}

guard!(OwnedRef<T, C>, [T, C: Config], T: [Clear + Default]);

/// A value of a [`Pool`] that is being created, and a part of its `Arc`; from
/// [`Pool::create_owned`].
///
/// Like a `Box` whose memory is used again; [downgraded](Self::downgrade), like an `Arc`.
pub struct OwnedRefMut<T, C = DefaultConfig>
where
    T: Clear + Default,
    C: Config,
{
    pub(super) inner: Exclusive<Arc<Pool<T, C>>>,
}

guard!(OwnedRefMut<T, C>, [T, C: Config], T: [Clear + Default]);

impl<T: Clear + Default, C: Config> OwnedRefMut<T, C> {
    /// Keeps the value, and lets others have it, too.
    ///
    /// ```
    /// use percpu_slab::compat::Pool;
    /// use std::sync::Arc;
    /// let pool = Arc::new(Pool::<String>::new());
    /// let mut line = pool.clone().create_owned().unwrap();
    /// let key = line.key();
    /// line.push_str("hello");
    /// assert!(pool.get(key).is_none());
    /// let line = line.downgrade();
    /// let theirs = std::thread::spawn(move || pool.get(key).unwrap().len());
    /// assert_eq!(theirs.join().unwrap(), line.len());
    /// ```
    pub fn downgrade(self) -> OwnedRef<T, C> {
        OwnedRef { inner: self.inner.downgrade() }
    }
}

impl<T: Clear + Default, C: Config> DerefMut for OwnedRefMut<T, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
