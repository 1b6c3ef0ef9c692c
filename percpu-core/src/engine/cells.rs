//! loom's cells where the engine has none: two accesses that overlap, one of them
//! a write, are a panic.
//!
//! With [`shuttle`] another thread may run in the middle of each access. What is not
//! seen, other than by loom, are two accesses that did not overlap and that nothing
//! orders.
//!
//! # Safety
//!
//! Gives the address of what is inside; what is done with it is the caller's.

#![allow(unsafe_code)]

use core::cell;

/// A cell that notices two who use it at once; the face of `loom::cell::UnsafeCell`.
#[derive(Debug, Default)]
pub struct UnsafeCell<T: ?Sized> {
    /// How many read; -1: one writes.
    users: cell::Cell<isize>,
    value: cell::UnsafeCell<T>,
}

/// Others may run here.
fn pause() {
    #[cfg(percpu_shuttle)]
    {
        // Any step of an atomic is one. Not `yield_now`, which steps back.
        let step = shuttle::sync::atomic::AtomicBool::new(false);
        step.load(shuttle::sync::atomic::Ordering::SeqCst);
    }
}

/// An access under way.
struct Access<'a> {
    users: &'a cell::Cell<isize>,
    before: isize,
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        let change = if self.before < 0 { 1 } else { -1 };
        self.users.set(self.users.get() + change);
    }
}

impl<T> UnsafeCell<T> {
    /// A cell with `value` inside.
    pub const fn new(value: T) -> Self {
        Self { users: cell::Cell::new(0), value: cell::UnsafeCell::new(value) }
    }

    /// What is inside.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Reads: others may read meanwhile.
    ///
    /// # Panics
    /// If somebody writes.
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        let _access = self.access(1);
        f(self.value.get())
    }

    /// Writes: nobody else may do anything meanwhile.
    ///
    /// # Panics
    /// If somebody reads or writes.
    #[track_caller]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        let _access = self.access(-1);
        f(self.value.get())
    }

    #[track_caller]
    fn access(&self, by: isize) -> Access<'_> {
        let users = self.users.get();
        // What is torn down after a failure proves nothing.
        if !std::thread::panicking() {
            let alone = users == 0 || users > 0 && by > 0;
            assert!(alone, "two accesses to a cell at once, one of them a write");
        }
        self.users.set(users + by);
        let access = Access { users: &self.users, before: by };
        pause();
        access
    }
}

/// As std's, by accesses that are checked; the face of `loom::cell::Cell`.
#[derive(Debug, Default)]
pub struct Cell<T>(UnsafeCell<T>);

impl<T> Cell<T> {
    /// A cell with `value` inside.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Replaces the value.
    #[track_caller]
    pub fn set(&self, value: T) {
        drop(self.replace(value));
    }

    /// Replaces the value and returns the old one.
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        // SAFETY: nobody else reads or writes meanwhile, or `with_mut` panics.
        self.0.with_mut(|inside| unsafe { inside.replace(value) })
    }

    /// The value.
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        // SAFETY: nobody writes meanwhile, or `with` panics.
        self.0.with(|inside| unsafe { inside.read() })
    }

    /// The value; the default one is left.
    #[track_caller]
    pub fn take(&self) -> T
    where
        T: Default,
    {
        self.replace(T::default())
    }

    /// What is inside.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}
