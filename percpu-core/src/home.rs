//! [`Home`]: where the copies of one `T` live.
//!
//! One per-CPU pointer for all units; `model/home.rs` is its twin on loom's
//! pretend machine.
//!
//! # Safety
//!
//! Keeps the promise of [`Place`] for as long as a handle lives, and turns bases
//! of active units, and templates, into copies.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::area::registered::Asked;
use crate::area::section::Declared;
use crate::error::Error;
use crate::mutate::mutated;
use crate::place::Place;
use crate::process;

#[doc(hidden)]
pub struct Home<T> {
    /// INVARIANT: 0, or a pointer that `Place::new` may have for as long as
    /// this value is borrowed. Goes from 0 to its value once (statics only), and
    /// once more each time after `unregister_statics!`.
    pointer: AtomicUsize,
    source: Source,
    copies: PhantomData<T>,
}

/// What an inactive unit's copy counts as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// Zero bytes, which are a valid `T`.
    Zeroed,
    /// Written in every unit, active or not, by `PerCpu::new_with`.
    Written,
    /// The initial value of a static, or what lies so many bytes into it.
    Template(&'static Declared, usize),
}

// SAFETY: through a shared reference only `&T` of some copy, and operations on
// `T`s that are words or locks, can be reached: all fine from any thread if T
// is Sync. The template pointer is to a static that is never written.
unsafe impl<T: Sync> Sync for Home<T> {}
// SAFETY: as above; who owns the copies (`PerCpu`) also drops them: T is Send.
unsafe impl<T: Send + Sync> Send for Home<T> {}

/// Units whose copies were not looked at: none of them was ever used.
pub(crate) struct Idle<'a, T> {
    pub(crate) count: usize,
    /// What each of their copies counts as; `None` is zero bytes.
    pub(crate) value: Option<&'a T>,
}

impl<T> fmt::Debug for Home<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").finish_non_exhaustive()
    }
}

impl<T> Home<T> {
    /// # Safety
    /// `pointer` is good for as long as the value lives, as `Place::new` asks,
    /// and `source` says what the copies in inactive units hold.
    pub(crate) unsafe fn allocated(pointer: usize, source: Source) -> Self {
        Self { pointer: AtomicUsize::new(pointer), source, copies: PhantomData }
    }

    /// For [`percpu!`](crate::percpu) only.
    ///
    /// # Safety
    /// The template of `declared` is a `T` in the link unit it tells, for ever.
    /// The value is kept in a static.
    pub const unsafe fn of_static(declared: &'static Declared) -> Self {
        let source = Source::Template(declared, 0);
        Self { pointer: AtomicUsize::new(0), source, copies: PhantomData }
    }

    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// The place, if it is resolved.
    #[inline(always)]
    pub(crate) fn place(&self) -> Option<Place<'_, T>> {
        // Acquire: whoever sees the pointer sees the section's copies, which
        // were made before (partner: the Release in `units`, `resolve`). Sections
        // would get that from the address dependency alone; compiled code that
        // follows the pointer, in the portable body, would not. (Miri found it.)
        let resolved = match mutated("pointer_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        match self.pointer.load(resolved) {
            0 => None,
            // SAFETY: the invariant of `pointer`.
            pointer => Some(unsafe { Place::new(pointer) }),
        }
    }

    /// The place; the section is registered if this is a static's first use.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_resolve(&self) -> Result<Place<'_, T>, Error> {
        if let Source::Template(declared, _) = self.source {
            let handle = core::ptr::from_ref(&self.pointer);
            // SAFETY: this value is kept in a static, says who made it.
            let handle: &'static AtomicUsize = unsafe { &*handle };
            process::resolve_static(Asked { declared, handle })?;
        }
        // SAFETY: the invariant of `pointer`.
        Ok(unsafe { Place::new(self.pointer.load(Ordering::Relaxed)) })
    }

    /// As `try_resolve`, for operations that cannot report an error.
    ///
    /// # Panics
    /// If the system refuses memory for the statics.
    #[inline(always)]
    pub(crate) fn resolved(&self) -> Place<'_, T> {
        match self.place() {
            Some(place) => place,
            None => self.first_use(),
        }
    }

    /// As `resolved`, for who just found it unresolved. Apart, so that callers
    /// carry neither the error nor its text.
    ///
    /// # Panics
    /// As `resolved`.
    #[cold]
    #[inline(never)]
    pub(crate) fn first_use(&self) -> Place<'_, T> {
        match self.try_resolve() {
            Ok(place) => place,
            Err(error) => panic!("percpu: {error}"),
        }
    }
}

impl Source {
    /// The source of a part that lies `bytes` into the value.
    pub(crate) fn part(self, bytes: usize) -> Self {
        match self {
            Self::Template(declared, inside) => Self::Template(declared, inside + bytes),
            other => other,
        }
    }

    /// Shows the copies of the units in use, and says what the others count as,
    /// without making them active: what idle CPUs cost is nothing. `self` is the
    /// source of `place`.
    pub(crate) fn survey<'a, T>(
        self,
        place: Place<'a, T>,
        mut see: impl FnMut(&'a T),
    ) -> Idle<'a, T> {
        let units = &process::get_or_panic().units;
        if let Self::Written = self {
            for unit in 0..units.count() {
                // SAFETY: active or not, `new_with` wrote this unit's copy.
                see(unsafe { place.at(units.home(unit)) });
            }
            return Idle { count: 0, value: None };
        }
        let active = units.active();
        let count = units.count() as usize - active.len();
        for base in active {
            // SAFETY: the base of an active unit.
            see(unsafe { place.at(base) });
        }
        let value = match self {
            Self::Template(declared, bytes) if count > 0 => {
                let template = declared.template.wrapping_byte_add(bytes);
                let template = match units.hidden_copy(template.addr()) {
                    Some(copy) => core::ptr::with_exposed_provenance(copy),
                    None => template.cast::<T>(),
                };
                // SAFETY: what a copy would start with, in the template or in the
                // library's copy of it: alive for ever and never written.
                Some(unsafe { &*template })
            }
            _ => None,
        };
        Idle { count, value }
    }
}
