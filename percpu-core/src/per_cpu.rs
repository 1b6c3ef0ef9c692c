//! [`PerCpu`]: one `T` on every possible CPU, allocated.
//!
//! `model/per_cpu.rs` is its twin on loom's pretend machine.
//!
//! # Safety
//!
//! Writes and drops the copies in an area that the allocator handed to one owner;
//! nobody else knows the area before `new` returns or after `drop` began.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use crate::area::request::Request;
use crate::copies::Copies;
use crate::error::Error;
use crate::home::{Home, Source};
use crate::process::{self, Process};
use crate::unit::Unit;
use crate::zeroable::Zeroable;

/// One `T` on every possible CPU, allocated: the kernel's `alloc_percpu`.
///
/// All copies share one allocation of the size of one `T`, at the same offset
/// in every unit: a `PerCpu<AtomicU64>` costs 8 bytes a CPU. May be sent,
/// shared and dropped anywhere. Everything to do with it is on [`Copies`].
///
/// ```
/// use percpu_core::{PerCpu, atomic::AtomicU64};
///
/// let hits = PerCpu::<AtomicU64>::zeroed()?;
/// std::thread::scope(|s| {
///     for _ in 0..4 {
///         s.spawn(|| (0..1000).for_each(|_| hits.inc()));
///     }
/// });
/// assert_eq!(hits.sum(), 4000);
/// # Ok::<(), percpu_core::Error>(())
/// ```
///
/// A handle is allocated, never made of a value or of a reference to one:
/// ```compile_fail,E0277
/// use percpu_core::{PerCpu, atomic::AtomicU64};
/// let word = AtomicU64::new(0);
/// let hits: PerCpu<AtomicU64> = (&word).into();
/// ```
/// and never leads to one copy without saying which:
/// ```compile_fail,E0308
/// use percpu_core::{PerCpu, atomic::AtomicU64};
/// let hits = PerCpu::<AtomicU64>::zeroed().unwrap();
/// let word: &AtomicU64 = &hits; // `hits.hint()` or `hits.on(unit)`
/// ```
#[doc(alias = "alloc_percpu")]
#[doc(alias = "free_percpu")]
pub struct PerCpu<T> {
    /// INVARIANT: its area is this value's, and given back when it drops.
    copies: Copies<T>,
}

impl<T: Zeroable> PerCpu<T> {
    /// Allocates zeroed copies.
    ///
    /// # Errors
    /// [`Error::ZeroSize`], [`Error::TooLarge`] (above 32 KiB, unless
    /// `Config::minimum_unit` says more) and [`Error::Alignment`] (above a
    /// page) for types that cannot be per-CPU; [`Error::OutOfMemory`] if the
    /// system refuses a chunk; on first use what [`init`](crate::init) returns.
    ///
    /// A type with a destructor does not compile: use [`new_with`](Self::new_with).
    ///
    /// ```
    /// let boxes = percpu_core::PerCpu::<Box<u8>>::new_with(|_| Box::new(0))?;
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    /// Nor does one of which zero is not a value, as a box is:
    /// ```compile_fail,E0599
    /// let boxes = percpu_core::PerCpu::<Box<u8>>::zeroed()?;
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    ///
    /// # Performance
    /// Only units in use are zeroed, and only where memory was used before.
    #[doc(alias = "__alloc_percpu")]
    #[inline]
    pub fn zeroed() -> Result<Self, Error> {
        Self::zeroed_as(Request::dynamic(size_of::<T>(), align_of::<T>()))
    }

    #[inline]
    pub(crate) fn zeroed_as(request: Request) -> Result<Self, Error> {
        const { assert!(!core::mem::needs_drop::<T>(), "use new_with for types with a destructor") };
        let pointer = process::alloc_zeroed(request)?;
        // SAFETY: the area is this value's alone until it drops, large and
        // aligned enough, and zero in every unit that is or becomes active.
        let home = unsafe { Home::allocated(pointer, Source::Zeroed) };
        Ok(Self { copies: Copies { home } })
    }
}

impl<T: Send + Sync> PerCpu<T> {
    /// Allocates copies and initialises each with `init`, which is called once
    /// for every unit: each possible CPU's, ascending, then the shared one.
    ///
    /// # Errors
    /// As [`zeroed`](PerCpu::zeroed).
    ///
    /// # Panics
    /// If `init` does; the copies made so far are dropped, nothing leaks.
    ///
    /// # Performance
    /// Writes every possible CPU's copy, active or not.
    ///
    /// ```
    /// use percpu_core::PerCpu;
    /// use std::sync::Mutex;
    ///
    /// let logs = PerCpu::new_with(|unit| Mutex::new(format!("{unit}: ")))?;
    /// logs.hint().lock().unwrap().push_str("hello");
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    pub fn new_with(init: impl FnMut(Unit) -> T) -> Result<Self, Error> {
        Self::new_as(Request::dynamic(size_of::<T>(), align_of::<T>()), init)
    }

    pub(crate) fn new_as(request: Request, init: impl FnMut(Unit) -> T) -> Result<Self, Error> {
        let process = process::get()?;
        let pointer = process::alloc(process, request)?.pointer;
        let mut made = Made::<T> { process, pointer, count: 0, values: PhantomData };
        made.fill(init);
        // Everything is made: the area outlives this.
        core::mem::forget(made);
        // SAFETY: the area is this value's alone until it drops, large and
        // aligned enough, and initialised in every unit.
        let home = unsafe { Home::allocated(pointer, Source::Written) };
        Ok(Self { copies: Copies { home } })
    }
}

/// An area whose first `count` units hold a value; drops those and gives the
/// area back, whether construction failed half-way or the value's life ended.
struct Made<T> {
    process: &'static Process,
    pointer: usize,
    count: u32,
    values: PhantomData<T>,
}

impl<T> Made<T> {
    /// Where the unit's copy lies.
    fn copy(&self, unit: u32) -> *mut T {
        let address = self.process.units.home(unit).wrapping_add(self.pointer);
        core::ptr::with_exposed_provenance_mut(address)
    }

    fn fill(&mut self, mut init: impl FnMut(Unit) -> T) {
        for unit in 0..self.process.units.count() {
            let value = init(Unit::new(unit));
            // SAFETY: the area in this unit: mapped, large and aligned enough,
            // and nobody else's.
            unsafe { self.copy(unit).write(value) };
            self.count = unit + 1;
        }
    }
}

impl<T> Drop for Made<T> {
    fn drop(&mut self) {
        /// Gives the area back even should a destructor panic.
        struct GiveBack<'a, T>(&'a Made<T>);
        impl<T> Drop for GiveBack<'_, T> {
            fn drop(&mut self) {
                // Inactive units must be clean again (`units.rs`, U2).
                process::zero_inactive(self.0.process, self.0.pointer, size_of::<T>());
                process::give_back(self.0.pointer, size_of::<T>());
            }
        }
        /// Drops the values from `next` on: as in a `Vec`, a panic of one
        /// does not keep the others from being dropped.
        struct Rest<'a, T> {
            made: &'a Made<T>,
            next: u32,
        }
        impl<T> Rest<'_, T> {
            fn run(&mut self) {
                while self.next < self.made.count {
                    let value = self.made.copy(self.next);
                    self.next += 1;
                    // SAFETY: `fill` put a value there; the owner is going away,
                    // so nobody uses it; each is dropped once, as `next` moved on.
                    unsafe { value.drop_in_place() };
                }
            }
        }
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                self.run();
            }
        }
        let _area = GiveBack(self);
        Rest { made: self, next: 0 }.run();
    }
}

impl<T> Drop for PerCpu<T> {
    fn drop(&mut self) {
        let process = process::get_or_panic();
        let pointer = self.copies.home.resolved().pointer();
        match self.copies.home.source() {
            Source::Written => {
                let count = process.units.count();
                drop(Made::<T> { process, pointer, count, values: PhantomData });
            }
            // `zeroed` takes no type that needs dropping.
            _ => process::give_back(pointer, size_of::<T>()),
        }
    }
}

impl<T> Deref for PerCpu<T> {
    type Target = Copies<T>;

    #[inline(always)]
    fn deref(&self) -> &Copies<T> {
        &self.copies
    }
}

impl<T: fmt::Debug> fmt::Debug for PerCpu<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.copies.fmt(f)
    }
}

impl<'a, T> IntoIterator for &'a PerCpu<T> {
    type Item = <&'a Copies<T> as IntoIterator>::Item;
    type IntoIter = <&'a Copies<T> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.copies.iter()
    }
}
