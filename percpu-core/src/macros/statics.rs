//! One static of [`percpu!`](crate::percpu): its handle, and what the handle leads to.
//!
//! # Safety
//!
//! The handle is a static, and its template lies in the link unit that it tells, where no
//! user's code can break it: all are made by the same expansion.

#![allow(unsafe_code)]

/// One static: the family's attribute is taken out, then all is put together.
#[doc(hidden)]
#[macro_export]
macro_rules! __percpu_static {
    (plain [$($before:tt)*] #[page_aligned] $($after:tt)*) => {
        $crate::__percpu_static! { page_aligned [$($before)*] $($after)* }
    };
    (plain [$($before:tt)*] #[hot] $($after:tt)*) => {
        $crate::__percpu_static! { hot [$($before)*] $($after)* }
    };
    (plain [$($before:tt)*] #[read_mostly] $($after:tt)*) => {
        $crate::__percpu_static! { read_mostly [$($before)*] $($after)* }
    };
    (plain [$($before:tt)*] #[shared_aligned] $($after:tt)*) => {
        $crate::__percpu_static! { shared_aligned [$($before)*] $($after)* }
    };
    (plain [$($before:tt)*] #[cache_aligned] $($after:tt)*) => {
        $crate::__percpu_static! { cache_aligned [$($before)*] $($after)* }
    };
    // Many at a time: macros may not nest deeply, and every line of
    // documentation is an attribute.
    ($family:ident [$($before:tt)*]
        #[doc = $a:tt] #[doc = $b:tt] #[doc = $c:tt] #[doc = $d:tt]
        #[doc = $e:tt] #[doc = $f:tt] #[doc = $g:tt] #[doc = $h:tt] $($after:tt)*
    ) => {
        $crate::__percpu_static! {
            $family [
                $($before)* #[doc = $a] #[doc = $b] #[doc = $c] #[doc = $d]
                #[doc = $e] #[doc = $f] #[doc = $g] #[doc = $h]
            ] $($after)*
        }
    };
    ($family:ident [$($before:tt)*] #[$($attribute:tt)*] $($after:tt)*) => {
        $crate::__percpu_static! { $family [$($before)* #[$($attribute)*]] $($after)* }
    };
    (hot [$($attributes:tt)*] $vis:vis static $NAME:ident: $T:ty = $initial:expr;) => {
        $crate::__percpu_static! {
            @put hot [$($attributes)*] $vis static $NAME: $T = {
                const _: () = $crate::__private::only_words::<$T>();
                $initial
            };
        }
    };
    ($family:ident [$($attributes:tt)*] $vis:vis static $NAME:ident: $T:ty = $initial:expr;) => {
        $crate::__percpu_static! {
            @put $family [$($attributes)*] $vis static $NAME: $T = $initial;
        }
    };
    (@put $family:ident [$($attributes:tt)*]
        $vis:vis static $NAME:ident: $T:ty = $initial:expr;
    ) => {
        $($attributes)*
        // SAFETY: the handle is this static.
        $vis static $NAME: $crate::StaticPerCpu<$T> =
            unsafe { $crate::__static_per_cpu!($family, $T, $initial) };
    };
}

/// The handle of a static of a family, and its template.
///
/// # Safety
/// The handle is kept in a static.
#[doc(hidden)]
#[macro_export]
#[cfg(not(percpu_loom))]
macro_rules! __static_per_cpu {
    ($family:ident, $T:ty, $initial:expr) => {{
        // A constant, so that the rules for duplicating values hold.
        const INITIAL: $T = $initial;
        $crate::__template!($family, $T, INITIAL);
        #[inline(never)]
        fn link_unit() -> $crate::__private::LinkUnit {
            $crate::__link_unit!(FAMILY, TEMPLATE)
        }
        static DECLARED: $crate::__private::Declared =
            $crate::__private::Declared::new((&raw const TEMPLATE).cast(), link_unit);
        // The template above begins with a `T`, in this link unit.
        $crate::StaticPerCpu::__new($crate::__private::Home::of_static(&DECLARED))
    }};
}

/// The handle of a static, and the copies of each execution. Families are for
/// memory, which there is none of.
///
/// # Safety
/// As its twin.
#[doc(hidden)]
#[macro_export]
#[cfg(percpu_loom)]
macro_rules! __static_per_cpu {
    ($family:ident, $T:ty, $initial:expr) => {{
        fn copies() -> *const [$T] {
            $crate::__private::lazy_static! {
                static ref COPIES: Box<[$T]> = $crate::__private::per_unit(|| $initial);
            }
            ::core::ptr::from_ref::<[$T]>(&COPIES)
        }
        // The function above returns them.
        $crate::StaticPerCpu::__new($crate::__private::Home::of_static(copies))
    }};
}
