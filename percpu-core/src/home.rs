//! [`Home`]: where the copies of one `T` live.
//!
//! One per-CPU pointer for all units; `model/home.rs` is its twin on loom's
//! pretend machine.
//!
//! # Safety
//!
//! Keeps the promise of [`Place`] for as long as a handle lives, and turns bases
//! of active units, and templates, into copies. `percpu!` promises that a handle's
//! template lies in the section its `range` tells, where no user's code can break
//! it: both are made by the same expansion.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::area::section::{SectionRange, Template};
use crate::error::Error;
use crate::place::Place;
use crate::process;

#[doc(hidden)]
pub struct Home<T> {
    /// INVARIANT: 0, or a pointer that `Place::new` may have for as long as
    /// this value is borrowed. Goes from 0 to its value once (statics only).
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
    /// A static's initial value; its address and its link unit's section.
    Template(*const (), fn() -> SectionRange),
}

// SAFETY: through a shared reference only `&T` of some copy, and operations on
// `T`s that are words or locks, can be reached: all fine from any thread if T
// is Sync. The template pointer is to a static that is never written.
unsafe impl<T: Sync> Sync for Home<T> {}
// SAFETY: as above; who owns the copies (`PerCpu`) also drops them: T is Send.
unsafe impl<T: Send + Sync> Send for Home<T> {}

/// What a unit's copy is, without activating the unit.
pub(crate) enum Peek<'a, T> {
    Copy(&'a T),
    Zero,
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
    /// `template` lies in the section that `range` tells, for ever.
    pub const unsafe fn of_static(
        template: &'static Template<T>,
        range: fn() -> SectionRange,
    ) -> Self {
        let source = Source::Template(core::ptr::from_ref(template).cast(), range);
        Self { pointer: AtomicUsize::new(0), source, copies: PhantomData }
    }

    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// The place, if it is resolved.
    #[inline(always)]
    pub(crate) fn place(&self) -> Option<Place<'_, T>> {
        // Acquire: whoever sees the pointer sees the section's copies, which
        // were made before (partner: the Release in `try_resolve`). Sections
        // would get that from the address dependency alone; compiled code that
        // follows the pointer, in the portable body, would not. (Miri found it.)
        match self.pointer.load(Ordering::Acquire) {
            0 => None,
            // SAFETY: the invariant of `pointer`.
            pointer => Some(unsafe { Place::new(pointer) }),
        }
    }

    /// The place; the section is registered if this is a static's first use.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_resolve(&self) -> Result<Place<'_, T>, Error> {
        if let Source::Template(template, range) = self.source {
            let pointer = process::resolve_static(template.expose_provenance(), range)?;
            // Release: the section's copies were made before. Partner: `place`.
            self.pointer.store(pointer, Ordering::Release);
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
            Err(error) => panic!("percpu: no memory for the statics: {error}"),
        }
    }
}

/// A static's handle, and its template.
#[doc(hidden)]
#[macro_export]
macro_rules! __static_per_cpu {
    ($T:ty, $initial:expr) => {{
        // A constant, so that the rules for duplicating values hold.
        const INITIAL: $T = $initial;
        $crate::__template!($T, INITIAL);
        #[inline(never)]
        fn range() -> $crate::__private::SectionRange {
            $crate::__section_range!(TEMPLATE)
        }
        // SAFETY: the template above lies in the section of this link unit.
        $crate::StaticPerCpu::__new(unsafe { $crate::__private::Home::of_static(&TEMPLATE, range) })
    }};
}

impl Source {
    /// The source of an element `bytes` into the array.
    pub(crate) fn element(self, bytes: usize) -> Self {
        match self {
            Self::Template(template, range) => {
                Self::Template(template.wrapping_byte_add(bytes), range)
            }
            other => other,
        }
    }

    /// What the copy of `unit` counts as, whether or not the unit is active.
    /// `self` is the source of `place`, or the matching element's.
    pub(crate) fn peek<'a, T>(self, place: Place<'a, T>, unit: u32) -> Peek<'a, T> {
        let units = &process::get_or_panic().units;
        match (units.base(unit), self) {
            // SAFETY: the base of an active unit.
            (Some(base), _) => Peek::Copy(unsafe { place.at(base) }),
            (None, Self::Zeroed) => Peek::Zero,
            // SAFETY: inactive, but `new_with` wrote this unit's copy too.
            (None, Self::Written) => Peek::Copy(unsafe { place.at(units.home(unit)) }),
            // SAFETY: a static `Template<T>`, transparent over `T`, alive for
            // ever and never written: what a copy would start with.
            (None, Self::Template(template, _)) => Peek::Copy(unsafe { &*template.cast::<T>() }),
        }
    }
}
