//! [`Entry`], [`OwnedEntry`], [`VacantEntry`]: of a [`Slab`].

use core::fmt;
use std::sync::Arc;

use super::config::{Config, DefaultConfig};
use super::face::guard;
use super::guard::Shared;
use super::slab::Slab;
use super::store::{Claimed, Drops};

/// A value of a [`Slab`], which stays as long as this does; from [`Slab::get`].
///
/// If the value is removed meanwhile, whoever drops the last guard drops it.
///
/// ```
/// use percpu_slab::compat::Slab;
/// let slab = Slab::new();
/// let key = slab.insert("still here").unwrap();
/// let entry = slab.get(key).unwrap();
/// assert!(slab.remove(key));
/// assert_eq!(entry, "still here");
/// ```
/// It may be sent to another thread if its value may be both shared and sent, as the
/// last guard drops it:
/// ```
/// # use percpu_slab::compat::Slab;
/// let slab = Slab::<String>::new();
/// let key = slab.insert("mine".into()).unwrap();
/// let entry = slab.get(key).unwrap();
/// std::thread::scope(|scope| { scope.spawn(|| drop(entry)); });
/// ```
/// ```compile_fail,E0277
/// # use percpu_slab::compat::Slab;
/// let slab = Slab::<std::sync::MutexGuard<'static, String>>::new();
/// let entry = slab.get(1).unwrap();
/// std::thread::scope(|scope| { scope.spawn(|| drop(entry)); });
/// ```
pub struct Entry<'a, T, C: Config = DefaultConfig> {
    pub(super) inner: Shared<&'a Slab<T, C>>,
}

guard!(Entry<'_, T, C>, [T, C: Config], T: []);

/// A value of a [`Slab`] and a part of its `Arc`; from [`Slab::get_owned`].
///
/// ```
/// use percpu_slab::compat::{OwnedEntry, Slab};
/// use std::sync::Arc;
///
/// struct Session {
///     user: OwnedEntry<String>,
/// }
/// let users = Arc::new(Slab::new());
/// let key = users.insert(String::from("ada")).unwrap();
/// let session = Session { user: users.clone().get_owned(key).unwrap() };
/// // The slab stays for as long as the session does.
/// drop(users);
/// std::thread::spawn(move || assert_eq!(*session.user, "ada")).join().unwrap();
/// ```
pub struct OwnedEntry<T, C: Config = DefaultConfig> {
    pub(super) inner: Shared<Arc<Slab<T, C>>>,
}

guard!(OwnedEntry<T, C>, [T, C: Config], T: []);

/// A slot of a [`Slab`] for a value that has to know its key; from
/// [`Slab::vacant_entry`].
///
/// Dropped, it is free again, and its key stays nobody's.
///
/// ```
/// use percpu_slab::compat::Slab;
/// let slab = Slab::new();
/// let entry = slab.vacant_entry().unwrap();
/// let key = entry.key();
/// entry.insert((key, "hello"));
/// assert_eq!(*slab.get(key).unwrap(), (key, "hello"));
/// ```
pub struct VacantEntry<'a, T, C: Config = DefaultConfig> {
    pub(super) claimed: Claimed<'a, T, C, Drops>,
}

impl<T, C: Config> VacantEntry<'_, T, C> {
    /// The key that the value will have.
    pub fn key(&self) -> usize {
        self.claimed.key()
    }

    /// Puts the value in; from now on its key finds it.
    pub fn insert(self, value: T) {
        self.claimed.insert(value);
    }
}

impl<T, C: Config> fmt::Debug for VacantEntry<'_, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VacantEntry").field("key", &self.key()).finish()
    }
}
