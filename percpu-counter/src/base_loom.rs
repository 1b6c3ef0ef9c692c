//! [`Base`] on loom's pretend machine. Twin of `base.rs`: loom's mutexes are not
//! constants, and a static's must be made anew in each execution.

use percpu_core::model::loom::sync::{Mutex, MutexGuard};

#[doc(hidden)]
#[derive(Debug)]
pub struct Base(Kind);

#[derive(Debug)]
enum Kind {
    Own(Mutex<u64>),
    OfStatic(fn() -> &'static Mutex<u64>),
}

#[doc(hidden)]
impl Base {
    /// Nothing taken yet.
    pub(crate) fn nothing() -> Self {
        Self(Kind::Own(Mutex::new(0)))
    }

    /// That of a static: what `base` returns, in each execution another.
    pub const fn of_static(base: fn() -> &'static Mutex<u64>) -> Self {
        Self(Kind::OfStatic(base))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, u64> {
        let mutex = match &self.0 {
            Kind::Own(mutex) => mutex,
            Kind::OfStatic(base) => base(),
        };
        mutex.lock().expect("loom's locks are never poisoned")
    }
}

/// The base of a static counter.
#[doc(hidden)]
#[macro_export]
macro_rules! __static_base {
    () => {{
        use $crate::__core::model::loom;
        fn base() -> &'static loom::sync::Mutex<u64> {
            loom::lazy_static! {
                static ref BASE: loom::sync::Mutex<u64> = loom::sync::Mutex::new(0);
            }
            &BASE
        }
        $crate::__Base::of_static(base)
    }};
}
