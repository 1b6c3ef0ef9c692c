//! [`percpu!`](crate::percpu) and [`StaticPerCpu`]: declared per-CPU variables.
//!
//! # Safety
//!
//! Passes on what the makers of a handle, and who gives copies back, must promise.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;

use crate::area::section::LinkUnit;
use crate::copies::Copies;
use crate::error::Error;
use crate::home::Home;
use crate::ops::Word;
use crate::process;

/// A per-CPU variable declared with [`percpu!`](crate::percpu): the kernel's
/// `DEFINE_PER_CPU`. Everything to do with it is on [`Copies`].
#[doc(alias = "DEFINE_PER_CPU")]
pub struct StaticPerCpu<T: 'static> {
    copies: Copies<T>,
}

impl<T: 'static> StaticPerCpu<T> {
    /// For [`percpu!`](crate::percpu) only.
    ///
    /// # Safety
    /// As what made `home` asks: the value is kept in a static.
    #[doc(hidden)]
    pub const unsafe fn __new(home: Home<T>) -> Self {
        Self { copies: Copies { home } }
    }

    /// Makes room for the variable now instead of at its first operation:
    /// to meet an error as a value, or before a signal handler uses it.
    ///
    /// # Errors
    /// What [`init`](crate::init) returns, or [`Error::OutOfMemory`],
    /// [`Error::TooLarge`] or [`Error::HotTooLarge`] for the statics of this
    /// library.
    pub fn prepare(&self) -> Result<(), Error> {
        self.copies.home.try_resolve().map(drop)
    }
}

impl<T> Deref for StaticPerCpu<T> {
    type Target = Copies<T>;

    #[inline(always)]
    fn deref(&self) -> &Copies<T> {
        &self.copies
    }
}

impl<T: fmt::Debug> fmt::Debug for StaticPerCpu<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.copies.fmt(f)
    }
}

impl<'a, T> IntoIterator for &'a StaticPerCpu<T> {
    type Item = <&'a Copies<T> as IntoIterator>::Item;
    type IntoIter = <&'a Copies<T> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.copies.iter()
    }
}

/// Declares per-CPU variables: `[pub] static NAME: Type = initial value;`.
///
/// Each declares a [`StaticPerCpu<Type>`](crate::StaticPerCpu). Every CPU's
/// copy starts with the initial value, a constant expression, duplicated as
/// `[const { .. }; N]` duplicates. The type must be `Sync`; copies are never
/// dropped. Works in crates that forbid unsafe code.
///
/// ```
/// use percpu_core::{percpu, atomic::AtomicU64};
///
/// percpu! {
///     /// Queries this process has served.
///     pub static QUERIES: AtomicU64 = AtomicU64::new(0);
///     static BUCKETS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
/// }
///
/// QUERIES.inc();
/// BUCKETS.at(2).add(5);
/// assert_eq!((QUERIES.sum(), BUCKETS.at(2).sum()), (1, 5));
/// ```
///
/// # Families
///
/// An attribute says what a static should lie beside. In every CPU's memory the
/// families of a program or library follow each other in this order, each at a
/// multiple of 128 bytes:
///
/// | attribute | lies | for |
/// | --- | --- | --- |
/// | `#[page_aligned]` | at a multiple of 4096 bytes, alone on its pages | what is mapped, or handed to the system |
/// | `#[hot]` | with all other hot ones in one cache line | the few words of every request: at most 64 bytes a program or library |
/// | `#[read_mostly]` | among what is hardly ever written | settings |
/// | none | close together | all else |
/// | `#[shared_aligned]` | at a multiple of 64 bytes, alone in its cache lines | what other CPUs write too |
/// | `#[cache_aligned]` | the same | what should not straddle cache lines |
///
/// ```
/// use percpu_core::{LocalLock, percpu, atomic::{AtomicBool, AtomicU32, AtomicU64}};
///
/// percpu! {
///     #[hot] static REQUESTS: AtomicU64 = AtomicU64::new(0);
///     #[hot] static DEPTH: AtomicU32 = AtomicU32::new(0);
///     #[read_mostly] static TRACED: AtomicBool = AtomicBool::new(false);
///     /// Drained by other CPUs.
///     #[shared_aligned] static INBOX: LocalLock<Vec<u64>> = LocalLock::new(Vec::new());
///     #[page_aligned] static RING: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];
/// }
///
/// REQUESTS.inc();
/// for (_, ring) in &*RING {
///     assert!(core::ptr::from_ref(ring.get()).addr().is_multiple_of(4096));
/// }
/// ```
/// More than 64 hot bytes are [`Error::HotTooLarge`] from [`init`](crate::init),
/// for those of a library that is loaded later from [`StaticPerCpu::prepare`], and
/// a panic with its text where no error can be returned; that is checked on Linux
/// only. Words of different width leave gaps that count: best are eight of the
/// same. Only words are hot:
/// ```compile_fail,E0277
/// use percpu_core::{percpu, atomic::AtomicU64};
/// percpu! { #[hot] static PAIR: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2]; }
/// ```
/// A type with an alignment above 128 needs `#[page_aligned]`, and none can have
/// more than 4096:
/// ```compile_fail,E0080
/// #[repr(align(256))]
/// struct Wide(u8);
/// percpu_core::percpu! { static WIDE: Wide = Wide(0); }
/// ```
/// ```
/// #[repr(align(256))]
/// struct Wide(u8);
/// percpu_core::percpu! { #[page_aligned] static WIDE: Wide = Wide(0); }
/// assert_eq!(WIDE.hint().0, 0);
/// ```
///
/// # Handles
///
/// The handle is not the variable. It leads to the copies:
/// ```
/// use percpu_core::{Copies, percpu, atomic::AtomicU64};
/// percpu! { static N: AtomicU64 = AtomicU64::new(0); }
/// let n: &Copies<AtomicU64> = &N;
/// ```
/// and not to one of them:
/// ```compile_fail,E0308
/// use percpu_core::{percpu, atomic::AtomicU64};
/// percpu! { static N: AtomicU64 = AtomicU64::new(0); }
/// let n: &AtomicU64 = &N; // which CPU's?
/// ```
/// A type that threads may not share is refused:
/// ```compile_fail,E0277
/// percpu_core::percpu! { static N: std::cell::Cell<u64> = std::cell::Cell::new(0); }
/// ```
#[macro_export]
#[doc(alias = "DEFINE_PER_CPU")]
#[doc(alias = "DEFINE_PER_CPU_SECTION")]
#[doc(alias = "DEFINE_PER_CPU_PAGE_ALIGNED")]
#[doc(alias = "DEFINE_PER_CPU_CACHE_HOT")]
#[doc(alias = "DEFINE_PER_CPU_FIRST")]
#[doc(alias = "DEFINE_PER_CPU_READ_MOSTLY")]
#[doc(alias = "DEFINE_PER_CPU_ALIGNED")]
#[doc(alias = "DEFINE_PER_CPU_SHARED_ALIGNED")]
#[doc(alias = "DECLARE_PER_CPU")]
#[doc(alias = "EXPORT_PER_CPU_SYMBOL")]
#[doc(alias = "PER_CPU_BASE_SECTION")]
macro_rules! percpu {
    ($($(#[$($attribute:tt)*])* $vis:vis static $NAME:ident: $T:ty = $initial:expr;)*) => {$(
        $crate::__percpu_static! {
            plain [] $(#[$($attribute)*])* $vis static $NAME: $T = $initial;
        }
    )*};
}

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

/// What may be hot.
#[doc(hidden)]
pub const fn only_words<W: Word>() {}

/// Gives the copies of this library's statics back; tells whether there were any.
///
/// For a library that is loaded at run time, before it is closed: its code stays
/// mapped (a thread's last restartable sequence may be there), but the memory of
/// its statics on every CPU is free for the next one. Should the library be used
/// again, its statics start from their initial values, with all operations.
///
/// `false`, and nothing done, if none of them was used, for statics in the same
/// program or library as this crate (they begin the first chunk and stay), and
/// where there are no linker sections: on other systems and under Miri.
///
/// What code keeps beside its statics is not reset: a `Counter` of
/// `percpu-counter` still subtracts what was taken from it.
///
/// # Safety
/// From the beginning of the call on, nobody uses what came from a static of the
/// library this is expanded in: no operation is under way in any thread or
/// handler, and no reference, guard, iterator or [`Element`](crate::Element) of
/// one is left. After it has returned the statics may be used again.
///
/// ```
/// use percpu_core::{percpu, unregister_statics, atomic::AtomicU64};
///
/// percpu! { static SEEN: AtomicU64 = AtomicU64::new(0); }
///
/// #[unsafe(no_mangle)]
/// pub extern "C" fn plugin_exit() {
///     // SAFETY: the host calls this last, when its threads have left the plug-in.
///     unsafe { unregister_statics!() };
/// }
/// ```
/// It asks for a promise:
/// ```compile_fail,E0133
/// percpu_core::unregister_statics!();
/// ```
#[macro_export]
macro_rules! unregister_statics {
    () => {{
        #[inline(never)]
        fn link_unit() -> $crate::__private::LinkUnit {
            $crate::__link_unit!()
        }
        $crate::__private::unregister(link_unit)
    }};
}

/// For [`unregister_statics!`](crate::unregister_statics) only.
///
/// # Safety
/// As the macro asks, for the link unit that is told.
#[doc(hidden)]
pub unsafe fn unregister(link_unit: fn() -> LinkUnit) -> bool {
    // SAFETY: passed on.
    unsafe { process::unregister_statics(&link_unit()) }
}
