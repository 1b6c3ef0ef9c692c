//! [`Base`] on loom's pretend machine. Twin of `base.rs`: loom's mutexes are not
//! constants, and a static's must be made anew in each execution.

use percpu_core::model::loom::sync::{Mutex, MutexGuard};

#[doc(hidden)]
#[derive(Debug)]
pub struct Base<V: 'static>(Kind<V>);

#[derive(Debug)]
enum Kind<V: 'static> {
    Own(Mutex<V>),
    OfStatic(fn() -> &'static Mutex<V>),
}

#[doc(hidden)]
impl<V> Base<V> {
    pub(crate) fn new(value: V) -> Self {
        Self(Kind::Own(Mutex::new(value)))
    }

    /// That of a static: what `base` returns, in each execution another.
    pub const fn of_static(base: fn() -> &'static Mutex<V>) -> Self {
        Self(Kind::OfStatic(base))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, V> {
        let mutex = match &self.0 {
            Kind::Own(mutex) => mutex,
            Kind::OfStatic(base) => base(),
        };
        mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
